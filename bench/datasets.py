"""Datasets to send, made once and relabelled for each study: realistic sizes, noise that does not compress."""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

CT, DX, ENHANCED_CT, SC = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
_HEAD = 8192  # UIDs of a template stand before this
_STUDY, _SERIES, _INSTANCE = (f"2.25.{digit}{'0' * 30}" for digit in (1, 2, 3))
_PATIENT = "BENCH-0000000000"


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of instance. `count` of them make a study."""

    name: str
    sop_class: str
    modality: str
    rows: int
    columns: int
    bits: int = 16
    frames: int = 1
    count: int = 1


KINDS = {
    kind.name: kind
    for kind in (
        Kind("ct", CT, "CT", 512, 512, count=300),
        Kind("dx", DX, "DX", 3520, 2800, count=6),
        Kind("multiframe", ENHANCED_CT, "CT", 512, 512, frames=200, count=1),
        Kind("tiny", SC, "OT", 64, 64, bits=8, count=300),
    )
}


def study(kind: Kind, run: int, association: int) -> list[tuple[str, bytes]]:
    """SOP Instance UID and dataset of each instance of one study; `run` and `association` make its UIDs new."""
    label = f"{run:012d}{association:06d}"
    made = []
    for number in range(kind.count):
        template = _template(kind, number % min(kind.count, 4))
        uids = {
            _STUDY: f"2.25.1{label}{0:012d}",
            _SERIES: f"2.25.2{label}{0:012d}",
            _INSTANCE: f"2.25.3{label}{number:012d}",
            _PATIENT: f"BENCH-{label[-10:]}",
        }
        head = template[:_HEAD]
        for old, new in uids.items():
            head = head.replace(old.encode(), new.encode())
        made.append((uids[_INSTANCE], head + template[_HEAD:]))
    return made


def study_uids(run: int, association: int) -> tuple[str, str]:
    """Study and Series Instance UID of what `study` makes."""
    label = f"{run:012d}{association:06d}"
    return f"2.25.1{label}{0:012d}", f"2.25.2{label}{0:012d}"


@lru_cache(maxsize=16)
def _template(kind: Kind, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    shape = (kind.frames, kind.rows, kind.columns)
    noise = random.normal(1000 if kind.bits == 16 else 100, 25, (1, *shape[1:]))
    pixels = np.concatenate([np.roll(noise, frame, axis=2) for frame in range(kind.frames)])
    ds = _header(kind)
    if kind.frames > 1:
        ds.NumberOfFrames = kind.frames
    ds.add_new(
        0x7FE00010, "OW" if kind.bits == 16 else "OB", pixels.astype("<u2" if kind.bits == 16 else "u1").tobytes()
    )
    buffer = io.BytesIO()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(buffer, ds, enforce_file_format=False)
    data = buffer.getvalue()
    return data[data.index(b"\x08\x00\x05\x00CS") :]


def _header(kind: Kind) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID, ds.SOPInstanceUID = kind.sop_class, _INSTANCE
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20261123"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "080000"
    ds.AccessionNumber, ds.Modality, ds.Manufacturer = "BENCH", kind.modality, "bench"
    ds.InstitutionName, ds.ReferringPhysicianName, ds.StationName = "Bench", "Bench^Referrer", "BENCH1"
    ds.StudyDescription, ds.SeriesDescription = f"Bench {kind.modality}", "1.0 mm"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Bench^Phantom", _PATIENT, "19700101", "O"
    ds.BodyPartExamined, ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent = "CHEST", "120", "500", "280"
    ds.ProtocolName, ds.PatientPosition = "Thorax", "HFS"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = _STUDY, _SERIES
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-180, -180, 0], [1, 0, 0, 0, 1, 0]
    ds.FrameOfReferenceUID, ds.PixelSpacing, ds.SliceThickness = f"2.25.4{'0' * 30}", [0.7, 0.7], 1.0
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = kind.rows, kind.columns
    ds.BitsAllocated = kind.bits
    ds.BitsStored = 12 if kind.bits == 16 else 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.WindowCenter, ds.WindowWidth = -1024, 1, 40, 400
    return ds
