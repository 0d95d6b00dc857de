"""What the conformance statement says by hand is known to the code: statuses, settings, media types."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROSE = (ROOT / "tools" / "conformance.md").read_text(encoding="utf-8")
CODE = "\n".join(
    path.read_text(encoding="utf-8") for room in ("pacs", "viewer", "storage") for path in (ROOT / room).rglob("*.py")
)


def section(title: str) -> str:
    return PROSE.split(f"### {title}\n")[1].split("\n### ")[0].split("\n## ")[0]


@pytest.mark.parametrize("title", ["Storage", "Storage commitment", "Query", "Retrieve"])
def test_every_status_is_one_the_code_answers(title: str) -> None:
    named = set(re.findall(r"\b(0000|01[0-9A-F]{2}|02[0-9A-F]{2}|[ABCF][0-9A-F]{3})\b", section(title)))
    known = {f"{int(number, 16):04X}" for number in re.findall(r"\b0x([0-9A-Fa-f]{1,4})\b", CODE)} | {"0000"}
    assert named
    assert named <= known, f"no line of the code has {sorted(named - known)}"


def test_every_setting_is_one() -> None:
    from pacs.config import Config

    for section_name, key in re.findall(r"`(dicom|index|codecs|web|objects)\.(\w+)`", PROSE):
        assert hasattr(getattr(Config(), section_name), key), f"{section_name}.{key}"


def test_every_media_type_is_in_the_code() -> None:
    for type in set(re.findall(r"(?:image|application|multipart)/[a-z0-9.+-]+", PROSE)):
        assert type in CODE or "not offered" in PROSE[PROSE.index(type) :][:60], type
