"""What a client accepts and which of our representations that is (PS3.18 8.7).

All of content negotiation is here: the parser of Accept, and one function that chooses among offers.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask import request

from pacs.errors import NotAcceptable

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
JSON = "application/json"
OCTETS = "application/octet-stream"
ANY = "*"
EXPLICIT = "1.2.840.10008.1.2.1"  # the default of PS3.18 8.7.3.4

# The frame media types of PS3.18 Table 8.7.3-5 and the older names of RLE.
FRAME_TYPES: dict[str, tuple[str, ...]] = {
    "1.2.840.10008.1.2.5": ("image/dicom-rle", "image/x-dicom-rle", "image/dicom+rle"),
    **{f"1.2.840.10008.1.2.4.{number}": ("image/jpeg",) for number in (50, 51, 53, 55, 57, 70)},
    **{f"1.2.840.10008.1.2.4.{number}": ("image/jls",) for number in (80, 81)},
    **{f"1.2.840.10008.1.2.4.{number}": ("image/jp2",) for number in (90, 91)},
    **{f"1.2.840.10008.1.2.4.{number}": ("image/jpx",) for number in (92, 93)},
    **{f"1.2.840.10008.1.2.4.{number}": ("image/jxl",) for number in (110, 111, 112)},
    **{f"1.2.840.10008.1.2.4.{number}": ("image/jphc",) for number in (201, 202, 203)},
    **{f"1.2.840.10008.1.2.4.{number}": ("video/mpeg",) for number in (100, 101)},
    **{f"1.2.840.10008.1.2.4.{number}": ("video/mp4",) for number in (102, 103, 104, 105, 106, 107, 108)},
}

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_TOKEN}/{_TOKEN}|\*)\s*")
_PARAMETER = re.compile(rf';\s*(?:({_TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"\s]*))?\s*')
_MOST_RANGES = 64


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of Accept. For ``multipart/related; type=X`` it is X with `multipart`.

    `transfer_syntax` is "" when the element has none, ``*`` or a UID.
    """

    type: str
    multipart: bool
    transfer_syntax: str
    quality: float
    position: int

    def takes(self, type: str) -> bool:
        """Whether the media type is inside this range, whatever its transfer syntax."""
        if self.type in (type, "*/*"):
            return True
        return self.type.endswith("/*") and type.startswith(self.type[:-1])


@dataclass(frozen=True, slots=True)
class Offer:
    """A representation we can make. `usual` ones also answer ranges without a transfer syntax; a `stored` one is
    preferred by ranges that take any transfer syntax."""

    type: str
    transfer_syntax: str = ""
    usual: bool = True
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The representation to make, and whether to pack it as multipart/related."""

    offer: Offer
    multipart: bool


def accepted() -> list[MediaRange]:
    """What the request at hand accepts: its ``accept`` query parameter, else its Accept header, else anything."""
    values = request.args.getlist("accept") or request.headers.getlist("Accept")
    ranges = list(parse(",".join(values)))
    if not ranges:
        if "".join(values).strip():
            raise NotAcceptable("there is no media type in what the request accepts")
        ranges = [MediaRange("*/*", multipart=False, transfer_syntax="", quality=1.0, position=0)]
    return ranges


def parse(text: str) -> Iterable[MediaRange]:
    """The media ranges of an Accept header; elements that cannot be read are passed over."""
    for position, (type, parameters) in enumerate(_elements(text)):
        multipart = type in ("multipart/related", "multipart/*")
        if multipart:
            type = parameters.get("type", "*/*").lower()
        yield MediaRange(
            type="*/*" if type == "*" else type,
            multipart=multipart,
            transfer_syntax=parameters.get("transfer-syntax", "").strip(),
            quality=_quality(parameters.get("q", "1")),
            position=position,
        )


def choose(
    ranges: Sequence[MediaRange], offers: Sequence[Offer], *, single: bool = True, multipart: bool = True
) -> Choice:
    """The best offer for the ranges, by quality, then by the client's order, then by ours.

    `single` and `multipart` say how the resource can be packed. When it can be packed both ways, a wildcard alone
    means multipart, the default of the Standard. Raises NotAcceptable.
    """
    best: tuple[tuple[float, int, bool, int], Choice] | None = None
    for number, offer in enumerate(offers):
        for packed in (True, False):
            if not (multipart if packed else single):
                continue
            found = _best_range(ranges, offer, packed=packed, other_way=single and multipart)
            if found is None or found.quality <= 0:
                continue
            first_stored = found.transfer_syntax == ANY and not offer.stored
            rank = (-found.quality, found.position, first_stored, number)
            if best is None or rank < best[0]:
                best = (rank, Choice(offer, packed))
    if best is None:
        names = sorted({_name(offer) for offer in offers})
        raise NotAcceptable(f"this can be had as {', '.join(names)}" if names else "there is no way to represent this")
    return best[1]


def transfer_syntaxes(ranges: Sequence[MediaRange], type: str, *, multipart: bool) -> tuple[str, ...]:
    """The transfer syntaxes of the ranges that take this type packed this way, best first; "" for the default."""
    fitting = [
        one for one in ranges if one.quality > 0 and one.takes(type) and (one.multipart == multipart or _any(one))
    ]
    return tuple(
        dict.fromkeys(one.transfer_syntax for one in sorted(fitting, key=lambda one: (-one.quality, one.position)))
    )


def _best_range(ranges: Sequence[MediaRange], offer: Offer, *, packed: bool, other_way: bool) -> MediaRange | None:
    """The most specific range that takes the offer packed this way: its quality counts (RFC 9110 12.5.1)."""
    fitting = [
        one
        for one in ranges
        if one.takes(offer.type) and _fits_packing(one, packed, other_way) and _fits_syntax(one, offer)
    ]
    return max(fitting, key=lambda one: (_specific(one), -one.position), default=None)


def _fits_packing(one: MediaRange, packed: bool, other_way: bool) -> bool:
    if _any(one):
        return packed or not other_way
    return one.multipart == packed


def _fits_syntax(one: MediaRange, offer: Offer) -> bool:
    if one.transfer_syntax == "":
        return offer.usual
    return one.transfer_syntax in (ANY, offer.transfer_syntax)


def _any(one: MediaRange) -> bool:
    return one.type == "*/*" and not one.multipart


def _specific(one: MediaRange) -> tuple[int, bool]:
    kind = 0 if one.type == "*/*" else 1 if one.type.endswith("/*") else 2
    return kind, one.transfer_syntax not in ("", ANY)


def _name(offer: Offer) -> str:
    return f"{offer.type}; transfer-syntax={offer.transfer_syntax}" if offer.transfer_syntax else offer.type


def _elements(text: str) -> Iterable[tuple[str, dict[str, str]]]:
    position, count = 0, 0
    while position < len(text) and count < _MOST_RANGES:
        found = _TYPE.match(text, position)
        if found is None:
            comma = text.find(",", position)
            position = len(text) if comma < 0 else comma + 1
            continue
        position = found.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(text, position):
            position = parameter.end()
            if parameter[1]:
                parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2]))
        if position < len(text) and text[position] != ",":  # something unreadable: to the next element
            comma = text.find(",", position)
            position = len(text) if comma < 0 else comma
        else:
            count += 1
            yield found[1].lower(), parameters
        position += 1


def content_type(text: str) -> tuple[str, dict[str, str]]:
    """A Content-Type header as media type and parameters; ("", {}) when it cannot be read."""
    return next(iter(_elements(text)), ("", {}))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0
