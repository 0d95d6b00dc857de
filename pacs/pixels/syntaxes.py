"""The transfer syntaxes of pixel data, by what decodes them (PS3.5 Annex A)."""

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
J2K = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"

NATIVE = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
# 53 and 55 are retired (spectral selection, full progression); archives still hold them
JPEG_DCT = frozenset({JPEG_BASELINE, JPEG_EXTENDED, "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"})
JPEG_PREDICTIVE = frozenset({JPEG_LOSSLESS, JPEG_LOSSLESS_SV1})
JPEG_LS_ALL = frozenset({JPEG_LS, JPEG_LS_NEAR})
J2K_PART1 = frozenset({J2K_LOSSLESS, J2K, "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"})
HTJ2K_ALL = frozenset({HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, HTJ2K})
J2K_ALL = J2K_PART1 | HTJ2K_ALL
JPEG_XL = frozenset({"1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"})

DECODABLE = NATIVE | JPEG_DCT | JPEG_PREDICTIVE | JPEG_LS_ALL | J2K_ALL | JPEG_XL | frozenset({RLE, DEFLATED_FRAME})
ENCODABLE = frozenset(
    {
        IMPLICIT,
        EXPLICIT,
        RLE,
        JPEG_BASELINE,
        JPEG_LOSSLESS_SV1,
        JPEG_LS,
        J2K_LOSSLESS,
        HTJ2K_LOSSLESS,
        HTJ2K_LOSSLESS_RPCL,
        HTJ2K,
    }
)
GENERATION = 1  # counts up when an encoder writes other bytes for the same samples: what was kept is then made anew


def is_encapsulated(transfer_syntax: str) -> bool:
    """Whether frames are items of fragments (PS3.5 A.4)."""
    return transfer_syntax not in NATIVE
