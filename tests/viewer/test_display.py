"""Names and ages as people write them."""

import json
import re
from pathlib import Path

import pytest

from viewer.display import VIETNAMESE, age_at, clean, display_name

DICOM = Path(__file__).resolve().parents[2] / "static" / "src" / "reading" / "dicom"
NAMES = [tuple(pair) for pair in json.loads((DICOM / "names.json").read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_a_name_is_written_as_people_write_it(name: str, shown: str) -> None:
    assert display_name(name) == shown


def test_the_reading_room_knows_the_same_family_names() -> None:
    families = re.search(r"new Set\(\s*`([^`]+)`", (DICOM / "names.ts").read_text(encoding="utf-8"))
    assert families is not None
    assert set(families.group(1).split()) == VIETNAMESE


@pytest.mark.parametrize(
    ("born", "date", "age"),
    [
        (19810203, 20261101, "045Y"),
        (19811102, 20261101, "044Y"),
        (20261101, 20261101, "000D"),
        (20261015, 20261101, "017D"),
        (20260920, 20261101, "006W"),
        (20260601, 20261101, "005M"),
        (20251102, 20261101, "011M"),
        (20241102, 20261101, "023M"),
        (20241101, 20261101, "002Y"),
        (20240229, 20260228, "023M"),
        (20261102, 20261101, ""),
        (None, 20261101, ""),
        (19810203, None, ""),
        (19810231, 20261101, ""),
        (18500101, 20261101, ""),
    ],
)
def test_an_age_is_counted_at_the_study(born: int | None, date: int | None, age: str) -> None:
    assert age_at(born, date) == age


def test_what_cannot_be_seen_is_not_shown() -> None:
    assert clean(" a\tb\r\nc\x07 \u200b d\u2066 ") == "a b c d"
