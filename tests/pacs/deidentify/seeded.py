"""Objects with canaries wherever DICOM lets somebody write something.

Each object is a valid image (or report, or document) built with pydicom from `seed`; every text it holds carries the
canary. `python -m tests.pacs.deidentify.seeded 500` copies that many and looks for it in what comes out.
"""

import io
import random
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Any

from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

from pacs.deidentify import Facts, Policy, Pseudonyms, Verdict, facts_of, screened, write_copy
from pacs.errors import NotDeidentifiable

CANARY = "ZQXKANARIJ"
ACCENTED = "Nguyễn Thị Hoàng Yến Zqx"
STORAGE = "1.2.840.10008.5.1.4.1.1."
IMPLICIT, EXPLICIT, BIG, DEFLATED, JPEG, J2K, RLE = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5",
)  # fmt: skip
TEXT_VRS = ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "CS", "UR", "AS")
CLASSES = (
    "2",
    "4",
    "1",
    "1.1",
    "1.2",
    "128",
    "20",
    "2.1",
    "4.1",
    "6.1",
    "7",
    "12.1",
    "77.1.4",
    "11.1",
    "88.11",
    "104.1",
)
_TAGS = sorted(
    (tag, entry[0]) for tag, entry in DicomDictionary.items() if entry[0] in TEXT_VRS and 0x0008 <= tag >> 16 < 0x7FE0
)
_SEQUENCES = sorted(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ" and 0x0008 <= tag >> 16 < 0x7000)
_KEPT = {0x00080005, 0x00080016, 0x00080018, 0x00080060, 0x00080008, 0x00280004, 0x00280301, 0x00080201}

_BY_VR = {vr: [tag for tag, kind in _TAGS if kind == vr and tag not in _KEPT] for vr in TEXT_VRS}


def canary(vr: str, rng: random.Random) -> str:
    """A value of this VR that has the canary, in one of its spellings."""
    if vr in ("AS", "DA", "TM"):
        return "ZQXK"
    if vr == "CS":
        return rng.choice((CANARY, f"{CANARY}_1"))
    if vr == "PN":
        return rng.choice((f"{CANARY}^Anna", ACCENTED, f"X^{CANARY}=山田^{CANARY}"))
    if vr == "UR":
        return f"http://{CANARY}.example/"
    if vr == "AE":
        return CANARY
    length = 16 if vr == "SH" else 64
    return rng.choice((CANARY, f"CT Ngực {CANARY}", f"chest {CANARY.lower()}", ACCENTED))[:length]


def seeded(seed: int) -> bytes:
    """The object of this number."""
    rng = random.Random(seed)
    sop_class = STORAGE + CLASSES[seed % len(CLASSES)]
    syntax = (IMPLICIT, EXPLICIT, EXPLICIT, BIG, DEFLATED, JPEG, J2K, RLE)[seed // len(CLASSES) % 8]
    if sop_class.startswith((STORAGE + "88", STORAGE + "104", STORAGE + "11")):
        syntax = syntax if syntax in (IMPLICIT, EXPLICIT) else EXPLICIT
    ds = Dataset()
    _fill(ds, rng, depth=0)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = UID(sop_class), generate_uid(entropy_srcs=[str(seed)])
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality = {"2": "CT", "4": "MR", "6.1": "US"}.get(CLASSES[seed % len(CLASSES)], "DX")
    ds.ImageType = rng.choice((["ORIGINAL", "PRIMARY", "AXIAL"], ["DERIVED", "SECONDARY", CANARY]))
    ds.StudyDate, ds.PatientBirthDate, ds.AcquisitionDateTime = "20260102", "19520304", "20260102101112.5"
    _privates(ds, rng)
    _graphics(ds, rng)
    if "88" in sop_class:
        ds.ContentSequence = Sequence([_item(ValueType="TEXT", TextValue=CANARY), _item(PersonName=ACCENTED)])
    elif "104" in sop_class:
        ds.EncapsulatedDocument = b"%PDF-1.4 " + CANARY.encode()
    elif ".11." not in sop_class:
        _pixels(ds, syntax, rng)
    return _written(ds, syntax, rng)


def _fill(ds: Dataset, rng: random.Random, depth: int) -> None:
    for tag, vr in rng.sample(_TAGS, 100 if depth == 0 else 4):
        if tag not in _KEPT:
            ds.add_new(tag, vr, canary(vr, rng))
    for vr in TEXT_VRS:  # every one of them at least once, in a tag that is known
        ds.add_new(rng.choice(_BY_VR[vr]), vr, canary(vr, rng))
    for tag in rng.sample(_SEQUENCES, 8 if depth == 0 else 1):
        if depth < 3 and tag not in (0x52009229, 0x52009230):
            inner = Dataset()
            _fill(inner, rng, depth + 1)
            ds.add_new(tag, "SQ", Sequence([inner]))
    code = _item(CodeValue=CANARY[:16], CodingSchemeDesignator="99" + CANARY[:8], CodeMeaning=CANARY)
    ds.AnatomicRegionSequence = Sequence(
        [code, _item(CodeValue="T-D3000", CodingSchemeDesignator="SRT", CodeMeaning=CANARY)]
    )


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _privates(ds: Dataset, rng: random.Random) -> None:
    block = ds.private_block(0x0009, f"{CANARY} HEADER", create=True)
    for number, vr in enumerate(("LO", "UN", "OB", "UT", "PN", "ST")):
        value: Any = canary("LO", rng)
        block.add_new(number + 1, vr, value.encode() if vr in ("UN", "OB") else value)
    inside = Dataset()
    inside.private_block(0x0029, CANARY, create=True).add_new(1, "OB", CANARY.encode("utf-16-le"))
    ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "SQ", Sequence([inside]))


def _graphics(ds: Dataset, rng: random.Random) -> None:
    for group in (0x6000, 0x6002):
        ds.add_new((group, 0x0010), "US", 8)
        ds.add_new((group, 0x0011), "US", 8)
        ds.add_new((group, 0x0022), "LO", CANARY)
        ds.add_new((group, 0x0040), "CS", "G")
        ds.add_new((group, 0x0102), "US", 12)
        ds.add_new((group, 0x1500), "LO", CANARY)
        ds.add_new((group, 0x3000), "OW", CANARY.encode() + b"\0\0")
        ds.add_new((group, 0x4000), "LT", CANARY)
    ds.add_new((0x5000, 0x2500), "LO", CANARY)
    text = _item(UnformattedTextValue=CANARY, AnchorPoint=[1.0, 2.0], AnchorPointAnnotationUnits="PIXEL")
    ds.GraphicAnnotationSequence = Sequence([_item(GraphicLayer=CANARY, TextObjectSequence=Sequence([text]))])
    ds.GraphicLayerSequence = Sequence([_item(GraphicLayer=CANARY, GraphicLayerDescription=CANARY)])
    ds.IconImageSequence = Sequence([_item(BitsAllocated=8, PixelData=CANARY.encode())])


def _pixels(ds: Dataset, syntax: str, rng: random.Random) -> None:
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, seed_sign(rng)
    if syntax in (JPEG, J2K, RLE):
        ds.BitsAllocated = ds.BitsStored = 8
        ds.HighBit = 7
        frame = {JPEG: _jpeg, J2K: _j2k, RLE: _rle}[syntax]()
        ds.PixelData = encapsulate([frame, frame])
        ds["PixelData"].is_undefined_length = True
        ds["PixelData"].VR = "OB"
        ds.NumberOfFrames = 2
        return
    # The canary in the bits above the stored ones, one bit to a sample, and after the last frame.
    bits = "".join(f"{byte:08b}" for byte in CANARY.encode() * 4)[:256]
    samples = [(rng.randrange(4096) & 0xFFF) | (0xF000 if bit == "1" else 0) for bit in bits]
    order = ">" if syntax == BIG else "<"
    ds.PixelData = struct.pack(f"{order}256H", *samples) + CANARY.encode() * 3
    ds["PixelData"].VR = "OW"


def seed_sign(rng: random.Random) -> int:
    """Signed or not."""
    return rng.randrange(2)


def _jpeg() -> bytes:
    def segment(marker: int, body: bytes) -> bytes:
        return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body

    text = CANARY.encode()
    return (
        b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + text) + segment(0xE1, b"Exif\0\0" + text)
        + segment(0xFE, text) + segment(0xC0, b"\x08\0\x10\0\x10\1\1\x11\0") + segment(0xDA, b"\1\1\0\0\x3f\0")
        + b"\x12\x34\xff\x00\x56" + segment(0xFE, text) + b"\xff\xd9" + text
    )  # fmt: skip


def _j2k() -> bytes:
    text = CANARY.encode()
    com = b"\xff\x64" + struct.pack(">HH", len(text) + 4, 1) + text
    siz = b"\xff\x51" + struct.pack(">H", 41) + bytes(39)
    body = b"\xff\x93" + b"\x80\x80\x80"
    part = com + body
    sot = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 12 + len(part), 0, 1)
    return b"\xff\x4f" + siz + com + sot + part + b"\xff\xd9" + text


def _rle() -> bytes:
    return struct.pack("<16I", 1, 64, *([0] * 14)) + b"\x81\x05" * 2 + b"\x00\x00"


def _written(ds: Dataset, syntax: str, rng: random.Random) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID("1.2.3.4"), CANARY
    meta.SourceApplicationEntityTitle = CANARY
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = UID("1.2.3.5"), CANARY.encode()
    head = DicomBytesIO()
    head.is_little_endian, head.is_implicit_VR = True, False
    write_dataset(head, meta)
    body = DicomBytesIO()
    body.is_little_endian, body.is_implicit_VR = syntax != BIG, syntax == IMPLICIT
    ds.add_new(0xFFFCFFFC, "OB", CANARY.encode() * 2)
    write_dataset(body, ds)
    data = body.getvalue()
    if syntax == DEFLATED:
        machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = machine.compress(data) + machine.flush()
    else:
        data += b"\0" * 8 + CANARY.encode() + b"\0"
    preamble = (f"#!/{CANARY}\n".encode() * 12)[:128].ljust(128, b"\n")
    return preamble + b"DICM" + head.getvalue() + data


def found_in(data: bytes) -> list[str]:
    """The spellings of the canaries that are in these bytes."""
    spellings: dict[str, bytes] = {}
    for name, word in (
        ("canary", CANARY),
        ("lower", CANARY.lower()),
        ("name", "Hoàng Yến"),
        ("family", "Nguyễn"),
        ("zqx", "Zqx"),
        ("short", "ZQXK"),
    ):
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "cp1258"):
            try:
                spellings[f"{name} in {encoding}"] = word.encode(encoding)
            except UnicodeEncodeError:
                continue
    lowered = data.lower()
    found = [name for name, spelling in spellings.items() if spelling in data or spelling.lower() in lowered]
    high = "".join("1" if byte & 0x10 else "0" for byte in data[1::2]) + "".join(
        "1" if byte & 0x10 else "0" for byte in data[0::2]
    )
    if "".join(f"{byte:08b}" for byte in CANARY.encode()) in high:
        found.append("high bits")
    return found


def copies(count: int, policy: Policy) -> Iterator[tuple[int, Facts, bytes | None]]:
    """The copies of the first `count` objects, or None where none is made, as a person who confirms everything gets."""
    pseudonyms = Pseudonyms(b"k" * 32)
    for seed in range(count):
        source = seeded(seed)
        facts = facts_of(source)
        out = io.BytesIO()
        try:
            write_copy(source, out.write, policy, pseudonyms, confirmed=True)
        except NotDeidentifiable:
            yield seed, facts, None
            continue
        yield seed, facts, out.getvalue()


def main(count: int) -> int:
    """Say how many canaries came out; the exit status."""
    made = blocked = leaks = inside = 0
    for policy in (Policy(), Policy(dates="shifted", characteristics=True)):
        for seed, facts, data in copies(count, policy):
            inside += bool(found_in(seeded(seed)))
            if data is None:
                blocked += 1
                assert screened(facts).verdict is Verdict.NEVER
                continue
            made += 1
            for name in found_in(data):
                leaks += 1
                print(f"object {seed}: {name}")
    print(f"{inside} objects with canaries in, {made} copies made, {blocked} never copied, {leaks} canaries out")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
