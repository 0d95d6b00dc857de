"""Which letters the bundled font can print (Liberation Serif: all of Vietnamese, and the signs doctors write)."""

from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

from storage.model.text import nfc

FONTS = Path(__file__).parent / "fonts"
FACES = {"Regular": ("normal", "normal"), "Bold": ("bold", "normal"), "Italic": ("normal", "italic")}


def path_of(face: str) -> Path:
    """The file of a face."""
    return FONTS / f"LiberationSerif-{face}.ttf"


def missing(*texts: str) -> list[str]:
    """The letters of these texts, composed, that some face of the font lacks; line ends are none."""
    wanted = {letter for text in texts for letter in nfc(text)} - {"\n"}
    return sorted(letter for letter in wanted if ord(letter) not in _printable())


@cache
def _printable() -> frozenset[int]:
    faces = []
    for face in FACES:
        with TTFont(path_of(face), lazy=True) as font:
            faces.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*faces)
