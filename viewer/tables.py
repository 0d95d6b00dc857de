"""Tables for spreadsheets: CSV whose cells are text, whatever stands in them."""

import csv
import io
import re
from collections.abc import Sequence

MARK = "\ufeff"
"""At the beginning of a file it tells spreadsheets that this is UTF-8."""

# A cell that begins like this is a formula; where the list separator is a semicolon, so is what follows one.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])")


def line(values: Sequence[object]) -> str:
    """One line of the table, with its end."""
    text = io.StringIO()
    csv.writer(text).writerow(["" if value is None else harmless(str(value)) for value in values])
    return text.getvalue()


def harmless(text: str) -> str:
    """The text without a formula: an apostrophe, which spreadsheets do not show, makes it text."""
    return _FORMULA.sub(r"\1'", text)
