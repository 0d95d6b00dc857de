"""How much of an object we are willing to read before we call it hostile."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one header. Over them an object is kept in quarantine, never indexed and never decoded."""

    depth: int = 32  # nested sequences
    elements: int = 200_000
    elements_per_frame: int = 300  # more are allowed when there are frames to describe
    header_bytes: int = 64 * MEBIBYTE  # read before Pixel Data, values of more than `large_value` not counted
    large_value: int = MEBIBYTE
    seconds: float = 5.0  # of processor time
    inflation: int = 100  # ratio of the deflated transfer syntax, looked at from `inflation_from` bytes on
    inflation_from: int = 16 * MEBIBYTE
    inflated_bytes: int = 4096 * MEBIBYTE
    frame_bytes: int = 2048 * MEBIBYTE
    pixel_bytes: int = 16_384 * MEBIBYTE  # decoded, of the whole object
    fragments: int = 1_000_000


LIMITS = Limits()
