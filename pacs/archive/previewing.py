"""Previews of frames: made when somebody first asks, in a codec process, and kept in the bounded folder of encodings.

Not at the ingest: 5 ms of a processor make a preview that takes a slow link 100 ms to carry, so it is never waited for,
and most studies are read in the house that made them (docs/decisions/0016-thin-link.md).
"""

from pacs.archive.encodings import Encodings
from pacs.archive.frames import frame_of, header_of
from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.pool import Codecs
from pacs.pixels.previews import KIND, NONE, Preview, unpacked
from pacs.pixels.syntaxes import NATIVE
from storage.model.archive import Instance
from storage.objects.base import ObjectStore

_WORTH = 0.75  # of a compressed frame: a preview that is larger shows nothing sooner


def preview_of(
    objects: ObjectStore, codecs: Codecs, encodings: Encodings | None, instance: Instance, number: int
) -> Preview | None:
    """The preview that is kept, or a new one. A frame that cannot be decoded has none."""
    record = encodings.get(instance, number, KIND) if encodings is not None else None
    if record is None:
        try:
            record = _made(objects, codecs, instance, number)
        except UndecodablePixels:  # not kept: a codec may have died for want of memory
            return None
        if encodings is not None:
            encodings.put(instance, number, KIND, record)
    return unpacked(record)


def _made(objects: ObjectStore, codecs: Codecs, instance: Instance, number: int) -> bytes:
    frame = frame_of(objects, instance, number)
    try:
        record = codecs.preview(header_of(objects, instance), frame.transfer_syntax_uid, frame.data, number)
    except UnsupportedTransferSyntax:
        return NONE
    if frame.transfer_syntax_uid not in NATIVE and len(record) > len(frame.data) * _WORTH:
        return NONE
    return record
