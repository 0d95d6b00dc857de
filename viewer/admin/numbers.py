"""Whole numbers in the query of an address."""

from collections.abc import Mapping

from viewer.errors import InvalidRequest


def number(given: Mapping[str, str], name: str, most: int = 1 << 53) -> int | None:
    """The number of this name, None when it is not given; raises InvalidRequest for anything but one from 1 on."""
    text = given.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 17 and 1 <= int(text) <= most):
        raise InvalidRequest(f"{name} must be a number from 1 to {most}")
    return int(text)
