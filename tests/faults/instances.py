"""Instances to send: made byte by byte, so that thousands cost nothing, each with the SHA-256 of its dataset."""

import hashlib
import random
import struct
from dataclasses import dataclass
from pathlib import Path

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
PIXEL_TAG = (0x7FE0, 0x0010)
ROOT = "1.2.826.0.1.3680043.10.1999"
SMALL, BIG = 64, 1024  # rows and columns: 8 kB and 2 MB


@dataclass(frozen=True, slots=True)
class Made:
    """One instance as it is sent. `sha256` is of the dataset without File Meta Information."""

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class Batch:
    """What one association brings: a series of its own."""

    study_instance_uid: str
    series_instance_uid: str
    folder: Path
    instances: tuple[Made, ...]


class Maker:
    """Makes batches below one folder. UIDs carry `run`, so that two runs never meet."""

    def __init__(self, folder: Path, run: int, seed: int) -> None:
        self._folder = folder
        self._root = f"{ROOT}.{run}"
        self._random = random.Random(seed)
        self._batches = 0

    def batch(self, size: int, big_every: int = 0) -> Batch:
        """`size` small instances of a new series; with `big_every` one batch in so many holds one big instance."""
        self._batches += 1
        study = f"{self._root}.{1 + self._batches // 20}"
        series = f"{study}.{self._batches}"
        folder = self._folder / f"b{self._batches}"
        folder.mkdir(parents=True)
        big_one = bool(big_every) and self._batches % big_every == 0
        made = []
        for number in range(1, size + 1):
            side = BIG if big_one and number == size // 2 + 1 else SMALL
            dataset = self._dataset(study, series, number, side)
            uid = f"{series}.{number}"
            path = folder / f"{number:04d}.dcm"
            path.write_bytes(_part_10(uid, dataset))
            made.append(Made(uid, series, study, hashlib.sha256(dataset).hexdigest(), path))
        return Batch(study, series, folder, tuple(made))

    def _dataset(self, study: str, series: str, number: int, side: int) -> bytes:
        return b"".join(
            (
                _element(0x0008, 0x0016, b"UI", CT.encode()),
                _element(0x0008, 0x0018, b"UI", f"{series}.{number}".encode()),
                _element(0x0008, 0x0020, b"DA", b"20260102"),
                _element(0x0008, 0x0060, b"CS", b"CT"),
                _element(0x0010, 0x0010, b"PN", b"FAULT^TEST"),
                _element(0x0010, 0x0020, b"LO", b"FAULT-1"),
                _element(0x0020, 0x000D, b"UI", study.encode()),
                _element(0x0020, 0x000E, b"UI", series.encode()),
                _element(0x0020, 0x0013, b"IS", str(number).encode()),
                _element(0x0028, 0x0002, b"US", struct.pack("<H", 1)),
                _element(0x0028, 0x0004, b"CS", b"MONOCHROME2"),
                _element(0x0028, 0x0010, b"US", struct.pack("<H", side)),
                _element(0x0028, 0x0011, b"US", struct.pack("<H", side)),
                _element(0x0028, 0x0100, b"US", struct.pack("<H", 16)),
                _element(0x0028, 0x0101, b"US", struct.pack("<H", 12)),
                _element(0x0028, 0x0102, b"US", struct.pack("<H", 11)),
                _element(0x0028, 0x0103, b"US", struct.pack("<H", 0)),
                _element(*PIXEL_TAG, b"OW", self._random.randbytes(2 * side * side)),
            )
        )


def dataset_of(part_10: bytes) -> bytes:
    """The dataset in a PS3.10 file; ValueError when the bytes are no such file."""
    if part_10[128:132] != b"DICM" or part_10[132:138] != b"\x02\x00\x00\x00UL":
        raise ValueError("not a PS3.10 file")
    return part_10[144 + struct.unpack_from("<I", part_10, 140)[0] :]


def sop_instance_uid_of(dataset: bytes) -> str:
    """The SOP Instance UID of a dataset made here."""
    start = 8 + struct.unpack_from("<H", dataset, 6)[0]
    if dataset[start : start + 6] != b"\x08\x00\x18\x00UI":
        raise ValueError("not a dataset of ours")
    length = struct.unpack_from("<H", dataset, start + 6)[0]
    return dataset[start + 8 : start + 8 + length].decode().rstrip("\0")


def _part_10(uid: str, dataset: bytes) -> bytes:
    meta = b"".join(
        (
            _element(0x0002, 0x0001, b"OB", b"\0\1"),
            _element(0x0002, 0x0002, b"UI", CT.encode()),
            _element(0x0002, 0x0003, b"UI", uid.encode()),
            _element(0x0002, 0x0010, b"UI", EXPLICIT.encode()),
            _element(0x0002, 0x0012, b"UI", ROOT.encode()),
        )
    )
    return bytes(128) + b"DICM" + _element(0x0002, 0x0000, b"UL", struct.pack("<I", len(meta))) + meta + dataset


def _element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    if vr in (b"OB", b"OW"):
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value
