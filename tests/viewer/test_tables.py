"""CSV that no spreadsheet takes for more than text."""

import csv
import io

import pytest

from viewer import tables


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "a;=1", "a; =1", "a\t=1", "a\n=1",
        "=cmd|' /C calc'!A0", '=HYPERLINK("https://evil.example")',
    ],
)  # fmt: skip
def test_a_formula_becomes_text_wherever_a_cell_may_begin(cell: str) -> None:
    ((told, after),) = csv.reader(io.StringIO(tables.line([cell, "x"])))
    assert after == "x"
    for separator in (";", "\t", "\r", "\n"):
        for part in told.split(separator):
            assert not part.strip().startswith(tuple("=+-@＝")), (cell, told)
    assert told.replace("'", "") == cell.replace("'", "")  # nothing is lost


@pytest.mark.parametrize("cell", ["", "Bệnh viện Lào Cai", "2026-11-27T06:59:52Z", "1.2.840", "a=b", "5-6", "a, b; c"])
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert next(csv.reader(io.StringIO(tables.line([cell, "x"])))) == [cell, "x"]


def test_numbers_and_nothing() -> None:
    assert tables.line([3, None, 0.5]) == "3,,0.5\r\n"
