"""How good previews are, and how large: RMSE, largest error and bytes per frame at several coarsenesses.

    python -m bench.previews FILE_OR_FOLDER… [--coarseness 0.5 1 2] [--every 10] [--write docs/thin-link.md]

Values are after the Modality LUT (HU for CT), padding left out. Coarseness 1 is what the archive makes. `--write` puts
the table between the marks of the page.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.decode import decode_samples
from pacs.pixels.encode import encode_frame
from pacs.pixels.header import Header, read_header
from pacs.pixels.preview import preview_frame
from pacs.pixels.syntaxes import HTJ2K_LOSSLESS, NATIVE

COLUMNS = (
    "modality", "columns × rows × bits", "coarseness", "frames", "lossless HTJ2K, bytes", "preview, bytes", "RMSE",
    "RMSE, % of range", "largest error", "CPU, ms",
)  # fmt: skip
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(slots=True)
class Row:
    """Sums over the frames of one file or series at one coarseness."""

    modality: str
    size: str
    coarseness: float
    frames: int = 0
    lossless: int = 0
    bytes: int = 0
    square: float = 0.0
    share: float = 0.0
    largest: float = 0.0
    seconds: float = 0.0
    unit: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--coarseness", nargs="+", type=float, default=[0.5, 1.0, 2.0])
    parser.add_argument("--every", type=int, default=10, help="of a folder, each so manieth file")
    parser.add_argument("--write", type=Path, help="a page with the marks for the table")
    arguments = parser.parse_args()
    rows = measured(arguments.paths, arguments.coarseness, arguments.every)
    text = "\n".join(table(rows))
    print(text)
    if arguments.write:
        before, _, rest = arguments.write.read_text(encoding="utf-8").partition(BEGIN)
        page = f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}"
        arguments.write.write_text(page, encoding="utf-8")
    return 0


def measured(paths: list[Path], coarsenesses: list[float], every: int) -> list[Row]:
    """A row for each modality, size and coarseness."""
    rows: dict[tuple[str, str, float], Row] = {}
    for path in _files(paths, every):
        taken = _taken(path)
        if taken is None:
            continue
        header, syntax, data, number = taken
        facts = header.facts
        modality = str(header.dataset.get("Modality") or "?")
        size = f"{facts.columns}×{facts.rows}×{facts.bits_stored * facts.samples}"
        try:
            samples = decode_samples(facts, syntax, data)
            lossless = len(encode_frame(facts, samples, HTJ2K_LOSSLESS))
            low, high = np.percentile(samples.array, (0.5, 99.5))
            span = max(1.0, float(high - low)) * abs(float(header.dataset.get("RescaleSlope") or 1))
            for coarseness in coarsenesses:
                begun = time.process_time()
                made = preview_frame(header, syntax, data, number, coarseness)
                row = rows.setdefault((modality, size, coarseness), Row(modality, size, coarseness, unit=made.unit))
                row.seconds += time.process_time() - begun
                row.frames += 1
                row.lossless += lossless
                row.bytes += len(made.data)
                row.square += made.rmse**2
                row.share += made.rmse / span
                row.largest = max(row.largest, made.max_error)
        except (UndecodablePixels, UnsupportedTransferSyntax) as error:
            print(f"{path.name}: {error}", file=sys.stderr)
    return sorted(rows.values(), key=lambda row: (row.modality, row.size, row.coarseness))


def table(rows: list[Row]) -> Iterator[str]:
    """The rows as Markdown."""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "| --- | --- |" + " ---: |" * (len(COLUMNS) - 2)
    for row in rows:
        count = row.frames
        unit = f" {row.unit}" if row.unit else ""
        yield (
            f"| {row.modality} | {row.size} | {row.coarseness:g} | {count} | {row.lossless // count:,} "
            f"| {row.bytes // count:,} | {(row.square / count) ** 0.5:.2f}{unit} | {row.share / count:.2%} "
            f"| {row.largest:.0f}{unit} | {row.seconds / count * 1000:.0f} |"
        )


def _files(paths: list[Path], every: int) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file())[::every]
        else:
            yield path


def _taken(path: Path) -> tuple[Header, str, bytes, int] | None:
    """Header, transfer syntax and middle frame of a file; None when it has no pixels we read."""
    try:
        dataset = pydicom.dcmread(path, force=True)
        pixels = dataset.PixelData
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        count = int(dataset.get("NumberOfFrames") or 1)
        number = count // 2 + 1
        if syntax in NATIVE:
            size = len(pixels) // count
            data = pixels[(number - 1) * size : number * size]
        else:
            data = list(generate_frames(pixels, number_of_frames=count))[number - 1]
        del dataset.PixelData
        buffer = pydicom.filebase.DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        pydicom.filewriter.write_dataset(buffer, dataset)
        return read_header(buffer.getvalue(), syntax), syntax, data, number
    except (AttributeError, KeyError, ValueError, UndecodablePixels, pydicom.errors.InvalidDicomError):
        return None


if __name__ == "__main__":
    sys.exit(main())
