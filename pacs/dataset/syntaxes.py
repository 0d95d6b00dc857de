"""How a header is encoded: by its transfer syntax, unless its bytes say otherwise."""

from dataclasses import dataclass

from pacs.dataset.envelope import BIG_ENDIAN, IMPLICIT, guess
from pacs.dataset.limits import LIMITS, Limits
from pacs.dataset.scan import Buffer, Scanner


@dataclass(frozen=True, slots=True)
class Encoding:
    """Implicit or explicit VR, little or big endian."""

    implicit: bool
    little: bool


def encoding_of(header: Buffer, transfer_syntax_uid: str) -> Encoding:
    """The encoding of a dataset that starts at the first byte of `header`."""
    seen = guess(header, 0)
    if seen is not None:
        return Encoding(*seen)
    return Encoding(transfer_syntax_uid == IMPLICIT, transfer_syntax_uid != BIG_ENDIAN)


def scanner_of(header: Buffer, transfer_syntax_uid: str, limits: Limits = LIMITS) -> Scanner:
    """A scanner over a header that keeps all elements."""
    encoding = encoding_of(header, transfer_syntax_uid)
    return Scanner(header, len(header), limits, implicit=encoding.implicit, little=encoding.little)
