"""DICOM objects for the tests of the web door; never from a patient."""

import io
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def instance(**attributes: Any) -> bytes:
    """A small CT instance as a Part 10 file; attributes by DICOM keyword."""
    dataset = Dataset()
    given = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CTImageStorage,
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "SOPInstanceUID": generate_uid(),
        "PatientName": "Nguyễn^An^Văn",
        "PatientID": "BN-0001",
        "PatientBirthDate": "19810203",
        "PatientSex": "M",
        "StudyDate": "20261101",
        "StudyTime": "101500",
        "StudyDescription": "CT ngực",
        "AccessionNumber": "PHIẾU-77",
        "ReferringPhysicianName": "Trần^Bình",
        "Modality": "CT",
        "SeriesNumber": 3,
        "InstanceNumber": 1,
        "Rows": 2,
        "Columns": 2,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": b"\x01\x00\x02\x00\x03\x00\x04\x00",
        **attributes,
    }
    for keyword, value in given.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
