"""What the samples of a frame mean once a codec has given them back (PS3.3 C.7.6.3.1.2, PS3.5 8.2)."""

from pacs.pixels import syntaxes
from pacs.pixels.codestream import read_codestream
from pacs.pixels.header import PixelFacts


def decoded_photometric(facts: PixelFacts, transfer_syntax: str, data: bytes) -> str:
    """The Photometric Interpretation of decoded samples, which may differ from that of the header.

    Codecs that transform colour themselves (JPEG's DCT processes, JPEG 2000 with a component transform, JPEG XL) give
    RGB; subsampled chroma is always spread out again.
    """
    name = facts.photometric
    if facts.samples != 3 or name == "RGB":
        return name
    if transfer_syntax in syntaxes.JPEG_DCT | syntaxes.JPEG_XL or name in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    if "PARTIAL" in name:
        return "RGB"
    if transfer_syntax in syntaxes.J2K_ALL and read_codestream(transfer_syntax, data).colour == "rgb":
        return "RGB"
    return "YBR_FULL" if name == "YBR_FULL_422" else name


def encoded_photometric(decoded: str, target_syntax: str) -> str:
    """The Photometric Interpretation a header has to state for such samples in `target_syntax`."""
    if target_syntax in syntaxes.J2K_ALL and decoded == "RGB":
        return "YBR_RCT"
    if target_syntax == syntaxes.JPEG_BASELINE and (decoded == "RGB" or decoded.startswith("YBR")):
        return "YBR_FULL_422"
    return decoded
