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


def encoding_of(buffer: Buffer, transfer_syntax_uid: str, start: int = 0) -> Encoding:
    """The encoding of a dataset that starts at byte `start` of `buffer`."""
    seen = guess(buffer, start)
    if seen is not None:
        return Encoding(*seen)
    return Encoding(transfer_syntax_uid == IMPLICIT, transfer_syntax_uid != BIG_ENDIAN)


@dataclass(frozen=True, slots=True)
class Header:
    """A dataset up to Pixel Data: `buffer[start:]`, encoded in a transfer syntax (deflated already inflated)."""

    buffer: Buffer
    transfer_syntax_uid: str
    start: int = 0

    def scanner(self, limits: Limits = LIMITS) -> Scanner:
        """A scanner that keeps all elements; call `top_level(start)`."""
        encoding = encoding_of(self.buffer, self.transfer_syntax_uid, self.start)
        return Scanner(self.buffer, len(self.buffer), limits, implicit=encoding.implicit, little=encoding.little)
