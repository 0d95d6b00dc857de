"""Small synthetic objects as files, and their dataset bytes."""

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
SC = "1.2.840.10008.5.1.4.1.1.7"
ROOT = "1.2.826.0.1.3680043.10.1120"


def ct(
    study: int = 1, series: int = 1, number: int = 1, *, rows: int = 16, columns: int = 16, **attributes: object
) -> Dataset:
    """A CT instance of patient BN001 "Nguyễn Văn An" with UIDs made of the numbers."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = f"{ROOT}.{study}.{series}.{number}"
    dataset.StudyInstanceUID = f"{ROOT}.{study}"
    dataset.SeriesInstanceUID = f"{ROOT}.{study}.{series}"
    dataset.PatientName = "Nguyễn^Văn^An"
    dataset.PatientID = "BN001"
    dataset.PatientBirthDate = "19800203"
    dataset.PatientSex = "M"
    dataset.StudyDate = f"202601{study:02d}"
    dataset.StudyTime = "101112"
    dataset.StudyID = str(study)
    dataset.AccessionNumber = f"ACC{study}"
    dataset.StudyDescription = "CT ngực"
    dataset.Modality = "CT"
    dataset.SeriesNumber = series
    dataset.InstanceNumber = number
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = bytes((number + n) % 256 for n in range(256)) * (rows * columns // 128)
    return dataset


def write(folder: Path, dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> Path:
    """The dataset as a Part 10 file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta = meta
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def dataset_bytes(content: bytes | Path) -> bytes:
    """What follows the File Meta Information."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    assert data[128:132] == b"DICM"
    return data[144 + int.from_bytes(data[140:144], "little") :]
