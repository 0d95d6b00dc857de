"""A frame as a picture. Where the frame is a range of a file the codec child reads it there: half a megabyte need not
be copied through two processes and a socket."""

import os

from pacs.archive.frames import frame_of, header_of, header_place, place_of, sound
from pacs.dataset.envelope import DEFLATED
from pacs.pixels.options import RenderOptions
from pacs.pixels.pool import Codecs
from pacs.pixels.protocol import FromFile
from storage.errors import ObjectCorrupt
from storage.model.archive import Instance
from storage.objects.base import ObjectStore


def picture_of(
    objects: ObjectStore, codecs: Codecs, instance: Instance, number: int, options: RenderOptions, presentation: bytes
) -> bytes:
    """Frame `number`, from 1, as a picture. Raises NotFound when there is no such frame."""
    place, syntax = place_of(instance, number), instance.facts.transfer_syntax_uid
    descriptor = None
    if place is not None and syntax not in DEFLATED:
        descriptor = objects.descriptor(sound(instance), place.offset + place.length)
    if place is None or descriptor is None:
        frame, header = frame_of(objects, instance, number), header_of(objects, instance)
        return codecs.render(header, frame.transfer_syntax_uid, frame.data, number, options, presentation)
    try:
        frame_there = FromFile(descriptor, place.offset, place.length)
        return codecs.render(_header(descriptor, instance), syntax, frame_there, number, options, presentation)
    finally:
        os.close(descriptor)


def _header(descriptor: int, instance: Instance) -> bytes:
    """As `header_of`, from the open file."""
    place = header_place(instance)
    data = os.pread(descriptor, place.length, place.offset)
    if len(data) != place.length:
        raise ObjectCorrupt(f"the object of {instance.key.sop_instance_uid} is shorter than its header")
    return data
