"""The 128 bytes before "DICM" (PS3.10 7.1), which DICOM does not look at and other programs may run.

What was received is kept as it is, it is evidence. What leaves the archive has a preamble of zeros, unless the object
is a TIFF file as well, which PS3.10 7.1 has in mind and which no operating system executes.
"""

LENGTH = 128
MAGIC = b"DICM"
ZERO, TIFF, OTHER = "zero", "TIFF", "other"

_BLANK = bytes(LENGTH)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_KNOWN = (
    (b"MZ", "MZ"),
    (b"\x7fELF", "ELF"),
    (b"\xfe\xed\xfa\xce", "Mach-O"),
    (b"\xfe\xed\xfa\xcf", "Mach-O"),
    (b"\xce\xfa\xed\xfe", "Mach-O"),
    (b"\xcf\xfa\xed\xfe", "Mach-O"),
    (b"\xca\xfe\xba\xbe", "Mach-O"),
    (b"#!", "script"),
    (b"PK", "ZIP"),
    (b"%PDF", "PDF"),
    (b"<", "markup"),
)


def kind_of(head: bytes) -> str:
    """What the preamble of an object that begins with `head` (132 bytes or more) is: ZERO, TIFF, the name of a format
    that programs run or open, or OTHER. Without a preamble it is ZERO."""
    preamble = head[:LENGTH]
    if head[LENGTH : LENGTH + 4] != MAGIC or preamble == _BLANK:
        return ZERO
    if preamble[:4] in _TIFF:
        return TIFF
    text = preamble.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    return next((name for magic, name in _KNOWN if text.startswith(magic)), OTHER)


def may_leave(head: bytes) -> bool:
    """Whether an object that begins so may leave as it is stored."""
    return kind_of(head) in (ZERO, TIFF)


def harmless(head: bytes) -> bytes:
    """The same beginning with a preamble that may leave."""
    return head if may_leave(head) else _BLANK + head[LENGTH:]
