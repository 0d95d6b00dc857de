"""Studies to try the program with: images that ship inside pydicom, and a phantom CT of 200 slices made here.

All of it is the same bytes each time, so loading twice adds nothing.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from pydicom.data import get_testdata_file

from pacs.archive import Archive
from pacs.archive.transcode import file_meta
from pacs.importing import Summary
from pacs.pixels.phantom import Geometry, ct_phantom_geometry, ct_phantom_slices
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, STORED, Origin

Tell = Callable[[int, int], None]

FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "693_J2KI.dcm",
    "examples_jpeg2k.dcm",
    "examples_ybr_color.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "JPGExtended.dcm",
    "liver_1frame.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)
SLICES, ROWS, COLUMNS = 200, 512, 512
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
PATIENT_NAME = "Nguyễn^Thị Ảnh Mẫu"
PATIENT_ID = "MAU-0001"
DESCRIPTION = "ẢNH TỔNG HỢP – synthetic phantom"


def load_samples(archive: Archive, origin: Origin, progress: Tell | None = None) -> Summary:
    """Store the sample studies; `progress(done, total)` is called after each object."""
    summary = Summary()
    tell = progress or (lambda done, total: None)
    files = sample_files()
    total = len(files) + SLICES
    done = 0
    tell(done, total)
    for data in _objects(files):
        with archive.receive(origin) as incoming:
            incoming.write(data)
            size = incoming.size
            outcome = archive.store(incoming)
        summary.bytes += size
        summary.stored += outcome.kind == STORED
        summary.already += outcome.kind == ALREADY_STORED
        summary.conflict += outcome.kind == CONFLICT
        if outcome.kind == QUARANTINED:
            summary.quarantined.append((incoming.path.name, outcome.reason))
        if outcome.key is not None:
            summary.studies.add(outcome.key.study_instance_uid)
        done += 1
        tell(done, total)
    return summary


def sample_files() -> list[Path]:
    """Those of FILES that are inside the installed pydicom; nothing is downloaded."""
    found = (get_testdata_file(name, download=False) for name in FILES)
    return [Path(str(path)) for path in found if path]


def phantom_ct(count: int = SLICES, rows: int = ROWS, columns: int = COLUMNS) -> Iterator[bytes]:
    """The slices of the phantom as Part 10 objects, one by one."""
    geometry = ct_phantom_geometry(count, rows, columns)
    for index, pixels in enumerate(ct_phantom_slices(count, rows, columns)):
        yield _slice(index, geometry, pixels)


def uid(what: str) -> str:
    """A UID that is always the same for the same thing (PS3.5 B.2, from a name-based UUID)."""
    digest = bytearray(hashlib.sha256(f"hoichan sample {what}".encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"


def _objects(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        yield path.read_bytes()
    yield from phantom_ct()


def _slice(index: int, geometry: Geometry, pixels: bytes) -> bytes:
    """One CT Image (PS3.3 A.3) of the phantom."""
    shape = f"{geometry.count} {geometry.rows} {geometry.columns}"
    sop_instance_uid = uid(f"ct {shape} instance {index}")
    position = geometry.position(index)
    elements = (
        (0x00080005, b"CS", "ISO_IR 192"),
        (0x00080008, b"CS", "ORIGINAL\\PRIMARY\\AXIAL"),
        (0x00080016, b"UI", CT_IMAGE_STORAGE),
        (0x00080018, b"UI", sop_instance_uid),
        (0x00080020, b"DA", "20260105"),
        (0x00080021, b"DA", "20260105"),
        (0x00080022, b"DA", "20260105"),
        (0x00080023, b"DA", "20260105"),
        (0x00080030, b"TM", "083000"),
        (0x00080031, b"TM", "083100"),
        (0x00080032, b"TM", "083130"),
        (0x00080033, b"TM", "083130"),
        (0x00080050, b"SH", "MAU-CT-1"),
        (0x00080060, b"CS", "CT"),
        (0x00080070, b"LO", "Hội Chẩn"),
        (0x00080080, b"LO", "Bệnh viện Mẫu"),
        (0x00080090, b"PN", "Bác sĩ^Mẫu"),
        (0x00081030, b"LO", DESCRIPTION),
        (0x0008103E, b"LO", "CT ngực, phantom 1.25 mm"),
        (0x00100010, b"PN", PATIENT_NAME),
        (0x00100020, b"LO", PATIENT_ID),
        (0x00100030, b"DA", "19700101"),
        (0x00100040, b"CS", "O"),
        (0x00101010, b"AS", "056Y"),
        (0x00104000, b"LT", "Không phải người thật. Not a person: computed shapes."),
        (0x00180015, b"CS", "CHEST"),
        (0x00180050, b"DS", _decimals(geometry.slice_spacing)),
        (0x00180060, b"DS", "120"),
        (0x00180088, b"DS", _decimals(geometry.slice_spacing)),
        (0x00185100, b"CS", "HFS"),
        (0x0020000D, b"UI", uid(f"ct {shape} study")),
        (0x0020000E, b"UI", uid(f"ct {shape} series")),
        (0x00200010, b"SH", "MAU1"),
        (0x00200011, b"IS", "1"),
        (0x00200012, b"IS", "1"),
        (0x00200013, b"IS", str(index + 1)),
        (0x00200032, b"DS", _decimals(*position)),
        (0x00200037, b"DS", _decimals(*geometry.orientation)),
        (0x00200052, b"UI", uid(f"ct {shape} frame of reference")),
        (0x00201040, b"LO", ""),
        (0x00201041, b"DS", _decimals(position[2])),
        (0x00280002, b"US", 1),
        (0x00280004, b"CS", "MONOCHROME2"),
        (0x00280010, b"US", geometry.rows),
        (0x00280011, b"US", geometry.columns),
        (0x00280030, b"DS", _decimals(*geometry.pixel_spacing)),
        (0x00280100, b"US", 16),
        (0x00280101, b"US", 16),
        (0x00280102, b"US", 15),
        (0x00280103, b"US", 1),
        (0x00281050, b"DS", "40\\-600"),
        (0x00281051, b"DS", "400\\1500"),
        (0x00281052, b"DS", "0"),
        (0x00281053, b"DS", "1"),
        (0x00281054, b"LO", "HU"),
        (0x00281055, b"LO", "Mô mềm\\Phổi"),
    )
    meta = file_meta(CT_IMAGE_STORAGE, sop_instance_uid, EXPLICIT)
    pixel_header = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, len(pixels))
    return b"".join((meta, *(_element(*element) for element in elements), pixel_header, pixels))


def _element(tag: int, vr: bytes, value: str | int) -> bytes:
    data = struct.pack("<H", value) if isinstance(value, int) else value.encode()
    if len(data) % 2:
        data += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(data)) + data


def _decimals(*numbers: float) -> str:
    return "\\".join(f"{number:.10g}" for number in numbers)
