"""PDFs that only show something: without scripts, programs to start, files inside and forms that send.

A PDF is kept as it is or not at all. It is looked through as a reader of PDF would find its names: with escapes (#4A)
undone, also inside compressed object streams; what cannot be looked into, since it is encrypted or packed in an unusual
way, is not taken (ISO 32000-1, 7.3.5, 7.5.7, 12.6.4).
"""

import re
import zlib
from collections.abc import Iterator

from pacs.errors import ActiveDocument

MOST_UNPACKED = 32 << 20  # bytes of object streams
_ACTIVE = re.compile(
    rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|Rendition|XFA|SubmitForm|ImportData|GoToE|Movie|Sound|3D)"
    rb"(?=[\s()<>\[\]{}/%]|$)"
)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"(?<!end)stream(?:\r\n|\n|\r)")
_PACKED = b"/ObjStm"
_ODD = "in a way that cannot be looked into: print it into a new PDF"


def check(data: bytes) -> None:
    """Raises ActiveDocument for a PDF that could do something on the machine where it is opened."""
    plain = _unescaped(data)
    if b"/Encrypt" in plain:
        raise ActiveDocument("an encrypted PDF cannot be looked into: save it without a password")
    for part in (plain, *_object_streams(data, plain.count(_PACKED))):
        found = _ACTIVE.search(part)
        if found:
            raise ActiveDocument(f"this PDF does more than show pages ({found[1].decode()}): print it into a new PDF")


def _object_streams(data: bytes, named: int) -> Iterator[bytes]:
    """What the compressed object streams hold; `named` is how often something calls itself one, anywhere."""
    left, place = MOST_UNPACKED, 0
    while (begin := _STREAM.search(data, place)) and (end := data.find(b"endstream", begin.end())) >= 0:
        head = _unescaped(data[place : begin.start()])
        place = end + len(b"endstream")
        if _PACKED not in head:
            continue
        named -= head.count(_PACKED)
        part = _unpacked(head, data[begin.end() : end], left)
        left -= len(part)
        yield _unescaped(part)
    if named:
        raise ActiveDocument(f"this PDF is packed {_ODD}")


def _unpacked(head: bytes, packed: bytes, most: int) -> bytes:
    if b"/DecodeParms" in head or b"/FlateDecode" not in head:
        raise ActiveDocument(f"this PDF is packed {_ODD}")
    unpack = zlib.decompressobj()
    try:
        part = unpack.decompress(packed, most + 1)
    except zlib.error:
        raise ActiveDocument("this PDF is broken: print it into a new PDF") from None
    if len(part) > most or not unpack.eof:
        raise ActiveDocument(f"this PDF holds too much, or is packed {_ODD}")
    return part


def _unescaped(data: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)
