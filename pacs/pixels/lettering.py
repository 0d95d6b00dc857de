"""Text on pictures, in a bundled font that has every Vietnamese letter; each letter with a dark rim, so that it can be
read on any grey. The font comes as three subsets, and each run of letters is set in the first that has them."""

import unicodedata
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont
from pydicom.dataset import Dataset

_FOLDER = Path(__file__).parent / "fonts"
_LATIN, _VIETNAMESE, _EXTENDED = (f"inter-{name}-wght-normal.woff2" for name in ("latin", "vietnamese", "latin-ext"))
_SIZES = range(8, 97)
MOST_LETTERS = 200  # of one line

PATIENT, TECHNIQUE = "patient", "technique"


def annotations(dataset: Dataset, wanted: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The lines for the upper left and the lower left corner (PS3.18 8.3.5.1.1): who it is, and how it was made."""
    patient, technique = [], []
    if PATIENT in wanted:
        names = _text(dataset, "PatientName").split("=")[0].replace("^", " ")
        born = _date(_text(dataset, "PatientBirthDate"))
        patient = [
            " ".join(names.split()),
            _line(_text(dataset, "PatientID"), born, _text(dataset, "PatientSex")),
            _line(_text(dataset, "InstitutionName"), _date(_text(dataset, "StudyDate"))),
        ]
    if TECHNIQUE in wanted:
        technique = [
            _line(_text(dataset, "Modality"), _text(dataset, "SeriesDescription")),
            _line(
                _with(dataset, "KVP", "kV"),
                _with(dataset, "XRayTubeCurrent", "mA"),
                _with(dataset, "ExposureTime", "ms"),
            ),
            _line(_with(dataset, "SliceThickness", "mm"), _with(dataset, "SliceLocation", "mm")),
            _line(_with(dataset, "RepetitionTime", "ms TR"), _with(dataset, "EchoTime", "ms TE")),
        ]
    return [line for line in patient if line], [line for line in technique if line]


def write_lines(draw: ImageDraw.ImageDraw, upper: list[str], lower: list[str], width: int, height: int) -> None:
    """Lines in the upper left and in the lower left corner of a picture of this size."""
    size = max(_SIZES[0], min(32, height // 28))
    step, margin = round(size * 1.3), max(2, size // 2)
    for number, line in enumerate(upper):
        write(draw, line, margin, margin + number * step, size, width - margin)
    for number, line in enumerate(reversed(lower)):
        write(draw, line, margin, height - margin - (number + 1) * step, size, width - margin)


def write(draw: ImageDraw.ImageDraw, text: str, left: float, top: float, size: int, most: float) -> None:
    """One line from (left, top) on, nothing beyond `most` on the right; left (x) and top (y) in pixels."""
    at = left
    for fitting, letters in groupby(_cleaned(text), key=_subset):
        run = "".join(letters)
        font = _font(fitting, size)
        end = at + font.getlength(run)
        while run and end > most:
            run = run[:-1]
            end = at + font.getlength(run)
        draw.text(
            (at, top + size), run, fill=_white(draw), font=font, anchor="ls", stroke_width=1, stroke_fill=_black(draw)
        )
        at = end


def _cleaned(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", text)[:MOST_LETTERS] if c.isprintable())


def _subset(letter: str) -> str:
    code = ord(letter)
    if code < 0x100 or 0x2000 <= code < 0x2070:
        return _LATIN
    return _VIETNAMESE if 0x1EA0 <= code <= 0x1EF9 or letter in "ĂăĐđĨĩŨũƠơƯư₫" else _EXTENDED


@lru_cache(maxsize=64)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FOLDER / name, min(max(size, _SIZES[0]), _SIZES[-1]))


def _white(draw: ImageDraw.ImageDraw) -> int | tuple[int, int, int]:
    return 255 if draw.mode == "L" else (255, 255, 255)


def _black(draw: ImageDraw.ImageDraw) -> int | tuple[int, int, int]:
    return 0 if draw.mode == "L" else (0, 0, 0)


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return str(dataset.get(keyword) or "").strip()
    except (ValueError, TypeError, NotImplementedError, KeyError):
        return ""


def _with(dataset: Dataset, keyword: str, unit: str) -> str:
    text = _text(dataset, keyword)
    return f"{text} {unit}" if text else ""


def _date(text: str) -> str:
    return f"{text[6:8]}/{text[4:6]}/{text[:4]}" if len(text) == 8 and text.isdigit() else text


def _line(*parts: str) -> str:
    return "   ".join(part for part in parts if part)
