"""Objects made byte by byte, so that tests can make them wrong, and archives to put them into."""

import struct
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from pacs.archive import Archive
from pacs.archive.transcode import file_meta
from pacs.pixels.pool import Codecs
from storage.index import hospitals
from storage.index.database import Database
from storage.model.archive import Instance, InstanceKey, Origin, Outcome, Scope
from storage.objects.base import ObjectStore
from storage.objects.filesystem import FilesystemStore
from tests.support.index import lay_index

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, J2K, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
_LONG = {"OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UN", "UT", "UC", "UR", "SV", "UV"}
UNDEFINED = 0xFFFFFFFF

Value = bytes | str | int | list[bytes]


def element(tag: int, vr: str, value: Value = b"", *, length: int | None = None, syntax: str = EXPLICIT) -> bytes:
    """One data element. A list makes a sequence of items of defined length; `length` can be a lie."""
    order = ">" if syntax == BIG else "<"
    if isinstance(value, list):
        value = b"".join(item(one, syntax=syntax) for one in value)
    elif isinstance(value, int):
        value = struct.pack(order + ("H" if vr in ("US", "SS") else "I"), value)
    elif isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    size = len(value) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack("<I", size) + value
    if vr in _LONG:
        return head + vr.encode() + struct.pack(order + "HI", 0, size) + value
    return head + vr.encode() + struct.pack(order + "H", size) + value


def item(content: bytes, *, undefined: bool = False, syntax: str = EXPLICIT) -> bytes:
    """An item with this content."""
    order = ">" if syntax == BIG else "<"
    size = UNDEFINED if undefined else len(content)
    end = struct.pack(order + "HHI", 0xFFFE, 0xE00D, 0) if undefined else b""
    return struct.pack(order + "HHI", 0xFFFE, 0xE000, size) + content + end


SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def fragments(*values: bytes, offsets: bytes = b"") -> bytes:
    """The value of encapsulated Pixel Data."""
    return item(offsets) + b"".join(item(value) for value in values) + SEQUENCE_END


@dataclass
class Made:
    """A CT slice to be; change what a test is about. Empty UIDs are left out."""

    study: str = "1.2.3"
    series: str = "1.2.3.1"
    sop: str = "1.2.3.1.1"
    sop_class: str = CT
    name: str = "Nguyễn^Thị^Ánh"
    patient_id: str = "BN001"
    charset: str = "ISO_IR 192"
    number: int = 1
    rows: int = 4
    columns: int = 4
    bits: int = 16
    frames: int | None = None
    pixels: bytes | None = bytes(range(32))
    syntax: str = EXPLICIT
    before: bytes = b""  # elements between the patient and the pixels, already encoded
    modality: str = "CT"
    date: str = "20240305"
    description: str = "CT sọ não"

    def dataset(self) -> bytes:
        """The dataset as bytes in `syntax` (deflated not yet deflated)."""
        syntax = self.syntax if self.syntax in (IMPLICIT, BIG) else EXPLICIT
        rows: list[tuple[int, str, Value]] = [
            (0x00080005, "CS", self.charset),
            (0x00080016, "UI", self.sop_class),
            (0x00080018, "UI", self.sop),
            (0x00080020, "DA", self.date),
            (0x00080030, "TM", "101530"),
            (0x00080050, "SH", "ACC1"),
            (0x00080060, "CS", self.modality),
            (0x00081030, "LO", self.description),
            (0x00100010, "PN", self.name),
            (0x00100020, "LO", self.patient_id),
            (0x00100030, "DA", "19800102"),
            (0x00100040, "CS", "F"),
        ]
        after: list[tuple[int, str, Value]] = [
            (0x0020000D, "UI", self.study),
            (0x0020000E, "UI", self.series),
            (0x00200011, "IS", "1"),
            (0x00200013, "IS", str(self.number)),
            (0x00280002, "US", 1),
            (0x00280004, "CS", "MONOCHROME2"),
        ]
        if self.frames is not None:
            after.append((0x00280008, "IS", str(self.frames)))
        after += [
            (0x00280010, "US", self.rows),
            (0x00280011, "US", self.columns),
            (0x00280100, "US", self.bits),
            (0x00280101, "US", self.bits),
            (0x00280102, "US", self.bits - 1),
            (0x00280103, "US", 0),
        ]
        first = b"".join(element(*row, syntax=syntax) for row in rows if row[2])
        last = b"".join(element(*row, syntax=syntax) for row in after if row[2] != "")
        return first + self.before + last + self._pixel_data(syntax)

    def _pixel_data(self, syntax: str) -> bytes:
        if self.pixels is None:
            return b""
        if self.syntax in (IMPLICIT, EXPLICIT, BIG, DEFLATED):
            return element(0x7FE00010, "OW", self.pixels, syntax=syntax)
        return element(0x7FE00010, "OB", self.pixels, length=UNDEFINED)

    def part10(self) -> bytes:
        """The whole object."""
        data = self.dataset()
        if self.syntax == DEFLATED:
            machine = zlib.compressobj(wbits=-15)
            data = machine.compress(data) + machine.flush()
        sop = self.sop if self.sop and self.sop.isascii() else "1.2"
        return file_meta(self.sop_class or CT, sop, self.syntax) + data


@dataclass
class House:
    """An archive of one hospital in a folder of the test."""

    archive: Archive
    origin: Origin
    folder: Path
    apart: float = 0.0  # seconds between two objects: the clock of a file system may tick every 10 ms only

    @property
    def scope(self) -> Scope:
        return Scope(frozenset({self.origin.hospital_id}))

    def put(self, data: bytes) -> Outcome:
        time.sleep(self.apart)
        with self.archive.receive(self.origin) as incoming:
            incoming.write(data)
            return self.archive.store(incoming)

    def instance(self, made: Made) -> Instance:
        return self.archive.instance(self.scope, InstanceKey(made.study, made.series, made.sop))

    def spooled(self) -> list[str]:
        return [path.name for path in (self.folder / "spool").glob("*")]


def house(folder: Path, codecs: Codecs | None = None, objects: ObjectStore | None = None, index_url: str = "") -> House:
    """An archive on SQLite and files below `folder` unless told otherwise; opened again when it is there."""
    database = Database(index_url or lay_index(folder / "index.sqlite"))
    database.migrate()
    with database.writing() as db:
        hospital = hospitals.ensure(db, "main", "Bệnh viện")
    archive = Archive(database, objects or FilesystemStore(folder / "objects"), folder / "spool", codecs)
    return House(archive, Origin(hospital.id, hospital.code, "import", "test"), folder)
