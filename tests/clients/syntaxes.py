"""Every transfer syntax of the corpus through the doors, read back by others' decoders: the table of docs/clients.md.

``python -m tests.clients.syntaxes`` prints the table; ``--write`` puts it into the page. Explicit VR Little Endian is
read by pydicom alone, JPEG-LS by CharLS (pyjpegls) and HTJ2K by OpenJPEG (pylibjpeg-openjpeg). What the pixels have to
be is in the corpus' manifest, decoded with yet others (pylibjpeg, GDCM), or, for lossy sources, which no two decoders
give alike, the explicit form.
"""

import argparse
import hashlib
import io
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from tests.journeys.test_transfer_syntaxes import own, stow
from tests.support.corpus import Expected, manifest
from tests.support.dcmtk import dcmtk
from tests.support.server import Browserless, Running, serving

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
BEGIN, END = "<!-- made by tests.clients.syntaxes -->\n", "\n<!-- end -->"
TARGETS = {"Explicit": "1.2.840.10008.1.2.1", "JPEG-LS": "1.2.840.10008.1.2.4.80", "HTJ2K": "1.2.840.10008.1.2.4.201"}
COLUMNS = ("files", "in by C-STORE", "out byte for byte", *TARGETS)
PROPOSALS = {
    "1.2.840.10008.1.2": "-xi", "1.2.840.10008.1.2.1": "-xe", "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.1.99": "-xd", "1.2.840.10008.1.2.4.50": "-xy", "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs", "1.2.840.10008.1.2.4.80": "-xt", "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv", "1.2.840.10008.1.2.4.91": "-xw", "1.2.840.10008.1.2.5": "-xr",
}  # fmt: skip
_NEW = {"1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression"}

Table = dict[str, Counter[str]]


def files(under: str = "transfer-syntaxes/") -> list[Expected]:
    return [one for one in manifest() if one.name.startswith(under)]


def walk(running: Running, chosen: list[Expected]) -> tuple[Table, list[str]]:
    """What came of each syntax, and what was not as it must be; by an administrator who is made, and one known peer."""
    client = running.add_admin()
    running.peer("STORESCU")
    table: Table = defaultdict(Counter)
    wrong: list[str] = []
    for number, expected in enumerate(chosen):
        data = named(own(expected.path.read_bytes(), number), number)
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        if data[128:132] != b"DICM" or not dataset.get("SOPInstanceUID"):
            continue
        row = table[str(dataset.file_meta.TransferSyntaxUID)]
        row["files"] += 1
        wrong += [f"{expected.name}: {what}" for what in one_file(client, row, expected, dataset, data)]
        row["in by C-STORE"] += sent_by_storescu(running, dataset, data)
    return table, wrong


def named(data: bytes, number: int) -> bytes:
    """The file, with the UIDs of a study and a series when it has none."""
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if dataset.get("StudyInstanceUID") or "SOPInstanceUID" not in dataset:
        return data
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = UID(f"1.2.3.{number}"), UID(f"1.2.3.{number}.1")
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def sent_by_storescu(running: Running, dataset: Dataset, data: bytes) -> bool:
    """Whether DCMTK knows the syntax and our door takes it."""
    flag = PROPOSALS.get(str(dataset.file_meta.TransferSyntaxUID))
    if flag is None:
        return False
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(data)
        file.flush()
        door = ("-aec", "HOICHAN", "127.0.0.1", running.dicom_port)
        return "(Success)" in dcmtk("storescu", "-v", "-R", flag, *door, file.name, check=False)


def one_file(client: Browserless, row: Counter[str], expected: Expected, dataset: Dataset, data: bytes) -> list[str]:
    """Count what is as it must be; give what is not. It comes in by STOW, because storescu writes datasets anew."""
    if stow(client, data) not in (200, 202):
        return ["not stored"]
    url = (
        f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )
    whole = client.get(url, Accept='application/dicom; transfer-syntax="*"')
    wrong = [] if same_bytes(whole.body, data) else ["other bytes"]
    row["out byte for byte"] += not wrong
    reference = reference_of(expected, dataset)
    for name, syntax in TARGETS.items():
        if syntax == dataset.file_meta.TransferSyntaxUID:
            row[name] += not wrong
            continue
        answer = client.get(url, Accept=f"application/dicom; transfer-syntax={syntax}")
        if answer.status != 200:
            continue  # said, not wrong: the pixels do not fit the syntax, or cannot be decoded
        try:
            found = pixels_of(answer.body, syntax)
        except (RuntimeError, ValueError, AttributeError) as error:
            wrong.append(f"not readable as {name}: {' '.join(str(error).split())[:200]}")
            continue
        reference = reference or found
        row[name] += found == reference
        if found != reference:
            wrong.append(f"other pixels as {name}")
    return wrong


def same_bytes(found: bytes, sent: bytes) -> bool:
    """SHA-256 of the datasets; the File Meta Information is the sender's or ours, by which door came first."""
    return hashlib.sha256(dataset_of(found)).digest() == hashlib.sha256(dataset_of(sent)).digest()


def dataset_of(data: bytes) -> bytes:
    meta = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).file_meta
    return data[128 + 4 + 12 + int(meta.FileMetaInformationGroupLength) :]


def reference_of(expected: Expected, dataset: Dataset) -> str:
    """What the manifest says of the pixels, in our byte order; "" when no decoder but ours could say."""
    if not is_exact(dataset):
        return ""
    if dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.2":
        array = dataset.pixel_array
        return digest(array.astype(array.dtype.newbyteorder("<")))
    return expected.facts["pixel_sha256"]


def digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def is_exact(dataset: Dataset) -> bool:
    """Whether every decoder gives the same samples: lossless, and without half of the chroma."""
    lossy = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 53, 55, 81, 91, 203)}
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    return dataset.file_meta.TransferSyntaxUID not in lossy and not photometric.startswith("YBR")


def pixels_of(data: bytes, syntax: str) -> str:
    """SHA-256 of the samples, as the manifest has them."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.file_meta.TransferSyntaxUID == syntax
    plugin = {TARGETS["JPEG-LS"]: "pyjpegls", TARGETS["HTJ2K"]: "pylibjpeg"}.get(syntax, "")
    dataset.pixel_array_options(decoding_plugin=plugin)
    return digest(dataset.pixel_array)


def written(table: Table) -> str:
    """The table as Markdown."""
    lines = [f"| transfer syntax | {' | '.join(COLUMNS)} |", "| --- |" + " --- |" * len(COLUMNS)]
    for uid in sorted(table, key=lambda uid: [int(part) for part in uid.split(".")]):
        counts = " | ".join(str(table[uid][name] or "–") for name in COLUMNS)
        lines.append(f"| {_NEW.get(uid, UID(uid).name)} | {counts} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/clients.md")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as running:
        table, wrong = walk(running, files())
    print(written(table))
    print("\n".join(wrong))
    if write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(head + BEGIN + written(table) + END + rest.partition(END)[2], encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
