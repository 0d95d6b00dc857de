"""Studies to measure with: CT series with realistic noise, each study with UIDs of its own."""

from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    generate_uid,
)


def ct_series(folder: Path, slices: int, run: str, size: int = 512) -> list[Path]:
    """Write one CT study of `slices` files under `folder`; `run` makes its UIDs differ from other runs'."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(20261123)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = np.where(x**2 / 0.72 + y**2 / 0.45 < 1, 40, -1000).astype(np.float32)
    noise = [random.normal(0, 25, (size, size)).astype(np.float32) for _ in range(8)]
    study, series = generate_uid(entropy_srcs=[run, "study"]), generate_uid(entropy_srcs=[run, "series"])
    paths = []
    for number in range(slices):
        path = folder / f"{number + 1:05d}.dcm"
        pixels = np.roll(body, number % 7, axis=0) + np.roll(noise[number % 8], number, axis=1)
        _ct(run, study, series, number, pixels).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _ct(
    run: str, study: str, series: str, number: int, pixels: "np.ndarray[tuple[int, int], np.dtype[np.float32]]"
) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[run, str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ct = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ct.SpecificCharacterSet = "ISO_IR 192"
    ct.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ct.SOPClassUID, ct.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    ct.StudyDate = ct.SeriesDate = "20261123"
    ct.StudyTime = "080000"
    ct.AccessionNumber = ""
    ct.Modality = "CT"
    ct.Manufacturer = "bench"
    ct.StudyDescription = "Bench CT"
    ct.SeriesDescription = "1.0 mm"
    ct.PatientName = "Bench^Phantom"
    ct.PatientID = f"BENCH-{run}"
    ct.PatientBirthDate, ct.PatientSex = "", "O"
    ct.StudyInstanceUID, ct.SeriesInstanceUID = study, series
    ct.SeriesNumber, ct.InstanceNumber = 1, number + 1
    ct.ImagePositionPatient = [-180, -180, number * 1.0]
    ct.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ct.PixelSpacing, ct.SliceThickness = [0.7, 0.7], 1.0
    ct.SamplesPerPixel, ct.PhotometricInterpretation = 1, "MONOCHROME2"
    ct.Rows, ct.Columns = pixels.shape
    ct.BitsAllocated, ct.BitsStored, ct.HighBit, ct.PixelRepresentation = 16, 16, 15, 1
    ct.RescaleIntercept, ct.RescaleSlope, ct.WindowCenter, ct.WindowWidth = 0, 1, 40, 400
    ct.PixelData = pixels.astype("<i2").tobytes()
    return ct


def many_frames(folder: Path, frames: int, run: str, size: int = 512) -> Path:
    """Write one multi-frame object (Multi-frame Grayscale Word Secondary Capture) of so many frames."""
    path = ct_series(folder, 1, run, size)[0]
    dataset = dcmread(path)
    frame = np.frombuffer(dataset.PixelData, "<i2")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = (
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    )
    dataset.NumberOfFrames = frames
    dataset.PixelData = b"".join(np.roll(frame, number * 97).tobytes() for number in range(frames))
    path.unlink()
    path = folder / "frames.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path
