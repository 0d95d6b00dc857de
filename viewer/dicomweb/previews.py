"""Previews: small lossy frames for slow links, a resource of our own beside those of the Standard (docs/thin-link.md).

Each says of itself how it differs, in a header of the answer or of its part:

    Hoichan-Preview: rmse=8.1, max-error=58, unit="HU", offset=0, original-bytes=182216
"""

import hashlib
import json
from collections.abc import Sequence

from flask import Response

from pacs.archive import Archive
from pacs.pixels.previews import KIND, Preview
from storage.errors import NotFound
from storage.model.archive import Instance
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.frames import places_of, stored_size
from viewer.dicomweb.media_types import FRAME_TYPES, JSON, Offer, accepted, choose
from viewer.dicomweb.multipart import Part, multipart_response
from viewer.dicomweb.ranges import REVALIDATED, not_modified, validated
from viewer.dicomweb.versions import keeping

QUALITY_HEADER = "Hoichan-Preview"
_MOST = 200  # in one answer: the client asks again with what it then wants first
_TYPES = ("image/jphc", "image/jpeg")


def retrieve_preview(archive: Archive, instance: Instance, number: int) -> Response:
    """The preview of one frame, by itself. Raises NotFound where there is none: the frame is asked for then."""
    offers = [Offer("image/jphc"), Offer("image/jpeg"), Offer(JSON)]
    wants_json = choose(accepted(), offers, multipart=False).offer.type == JSON
    etag = _etag(f"{instance.stored.sha256} {number} {wants_json}")
    cache_control = keeping(instance)
    unchanged = not_modified(etag, cache_control)
    if unchanged is not None:
        return _varying(unchanged)
    preview = archive.preview(instance, number)
    if preview is None:
        raise NotFound("there is no preview of this frame; the frame itself is to be asked for")
    if wants_json:
        response = Response(json.dumps(quality_of(preview, instance, number)), content_type=JSON)
    else:
        response = Response(preview.data, content_type=content_type_of(preview))
        response.headers[QUALITY_HEADER] = quality_text(preview, instance, number)
    return _varying(validated(response, etag, cache_control))


def retrieve_previews(archive: Archive, instances: Sequence[Instance], text: str, base: str) -> Response:
    """Previews of many frames of a series, ``?frames=1-40,55`` as for its frames: multipart/related, a part for every
    frame that has one, or as JSON only how good they are."""
    ranges = accepted()
    wants_json = any(one.type == JSON and not one.multipart for one in ranges)
    if not wants_json:
        choose(ranges, [Offer(type) for type in _TYPES], single=False)
    wanted = places_of(text, instances, _MOST)
    etag = _etag(" ".join(f"{one.stored.sha256} {number}" for one, number in wanted) + f"{wants_json} {base}")
    unchanged = not_modified(etag, REVALIDATED)
    if unchanged is not None:
        return _varying(unchanged)
    made = [(one, number, preview) for one, number in wanted if (preview := archive.preview(one, number)) is not None]
    if wants_json:
        qualities = [quality_of(preview, one, number) for one, number, preview in made]
        return _varying(validated(Response(json.dumps(qualities), content_type=JSON), etag, REVALIDATED))
    type = content_type_of(made[0][2]).partition(";")[0] if made else _TYPES[0]
    response = multipart_response(type, [part_of(preview, one, number, base) for one, number, preview in made], etag)
    return _varying(validated(response, etag, REVALIDATED))


def part_of(preview: Preview, instance: Instance, number: int, base: str) -> Part:
    """The preview as a part that says which frame it is of and how good it is."""
    return Part(
        content_type_of(preview),
        lambda: (preview.data,),
        len(preview.data),
        f"{instance_url(base, instance.key)}/frames/{number}/preview",
        ((QUALITY_HEADER, quality_text(preview, instance, number)),),
    )


def content_type_of(preview: Preview) -> str:
    """Media type and transfer syntax."""
    syntax = preview.transfer_syntax_uid
    return f"{FRAME_TYPES[syntax][0]}; transfer-syntax={syntax}"


def quality_text(preview: Preview, instance: Instance, number: int) -> str:
    """What the header says."""
    original = stored_size(instance, number)
    return (
        f'rmse={preview.rmse:.4g}, max-error={preview.max_error:.4g}, unit="{preview.unit}", offset={preview.offset}'
        + (f", original-bytes={original}" if original else "")
    )


def quality_of(preview: Preview, instance: Instance, number: int) -> dict[str, object]:
    """The same for programs: errors are after the Modality LUT, in `unit`."""
    return {
        "SOPInstanceUID": instance.key.sop_instance_uid,
        "frame": number,
        "transferSyntax": preview.transfer_syntax_uid,
        "rmse": preview.rmse,
        "maxError": preview.max_error,
        "unit": preview.unit,
        "offset": preview.offset,
        "bytes": len(preview.data),
        "originalBytes": stored_size(instance, number),
    }


def _etag(what: str) -> str:
    return hashlib.sha256(f"{KIND} {what}".encode()).hexdigest()[:32]


def _varying(response: Response) -> Response:
    response.vary.add("Accept")
    return response
