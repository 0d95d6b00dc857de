"""Pictures: rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.4, parameters of 8.3.5)."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from itertools import chain
from typing import Literal

from flask import Response, request

from pacs.archive import Archive
from pacs.errors import NotAcceptable
from pacs.pixels.options import RenderOptions
from storage.errors import NotFound
from storage.model.archive import Instance
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.media_types import Choice, Offer, accepted, choose
from viewer.dicomweb.multipart import Part, multipart_response
from viewer.dicomweb.ranges import not_modified, validated
from viewer.errors import InvalidRequest
from viewer.version import VERSION

_FORMATS: dict[str, Literal["jpeg", "png", "webp"]] = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp"}
OFFERS = [Offer(type) for type in _FORMATS]
_FUNCTIONS: dict[str, Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]] = {
    "linear": "LINEAR",
    "linear-exact": "LINEAR_EXACT",
    "sigmoid": "SIGMOID",
}
_PRESENTATIONS = {"1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2"}
_ANNOTATIONS = ("patient", "technique")
_LARGEST_VIEWPORT = 8192
_THUMBNAIL = 256
KEPT = "private, max-age=86400, no-transform"  # the program that renders may change, the object cannot
_KEPT_WHILE_GROWING = "private, no-cache"


def retrieve_rendered(
    archive: Archive, instance: Instance, numbers: Sequence[int], address: str, presentation: Instance | None = None
) -> Response:
    """Frames as pictures: one by itself, several as multipart/related; as a presentation state wants them."""
    choice = _choice(single=len(numbers) == 1)
    options = options_of(choice)
    return send_rendered(archive, instance, numbers, address, choice, options, presentation)


def send_rendered(
    archive: Archive,
    instance: Instance,
    numbers: Sequence[int],
    address: str,
    choice: Choice,
    options: RenderOptions,
    presentation: Instance | None,
) -> Response:
    """Frames as pictures once it is clear which."""
    hashes = [one.stored.sha256 for one in (instance, presentation) if one is not None]
    etag = etag_of(hashes, numbers, options, choice)
    unchanged = not_modified(etag, KEPT)
    if unchanged is None:
        pictures = ((number, archive.rendered(instance, number, options, presentation)) for number in numbers)
        places = ((f"{address}/frames/{number}/rendered", data) for number, data in pictures)
        unchanged = validated(_answer(choice, places, etag), etag, KEPT)
    return _explained(unchanged)


def retrieve_rendered_instance(
    archive: Archive, instance: Instance, address: str, presentation: Instance | None = None
) -> Response:
    """The one or first frame as a picture; all frames when multipart is asked for."""
    ranges = accepted()
    only_several = all(one.multipart for one in ranges)
    numbers = range(1, instance.facts.frames + 1) if only_several else [1]
    return retrieve_rendered(archive, instance, numbers, address, presentation)


def check_presentation(presentation: Instance) -> Instance:
    """The instance itself when it is a presentation state we can apply; InvalidRequest otherwise."""
    if presentation.facts.sop_class_uid not in _PRESENTATIONS:
        raise InvalidRequest("presentationUID names something else than a greyscale or colour presentation state")
    return presentation


def retrieve_rendered_all(archive: Archive, instances: Sequence[Instance], base: str) -> Response:
    """All frames of a study or series as multipart/related pictures, or, asked for one picture, the middle one."""
    pictorial = _pictorial(instances)
    choice = _choice(single=True, prefer_single=False)
    options = options_of(choice)
    etag = etag_of([one.stored.sha256 for one in pictorial], (), options, choice)
    unchanged = not_modified(etag, _KEPT_WHILE_GROWING)
    if unchanged is None:
        if choice.multipart:
            places = _all_pictures(archive, pictorial, base, options)
        else:
            instance, number = middle(pictorial)
            places = iter([("", archive.rendered(instance, number, options))])
        unchanged = validated(_answer(choice, places, etag), etag, _KEPT_WHILE_GROWING)
    return _explained(unchanged)


def retrieve_thumbnail(archive: Archive, instance: Instance, number: int) -> Response:
    """A small picture of one frame."""
    choice = _choice(single=True, multipart=False)
    options = _small(options_of(choice))
    etag = etag_of([instance.stored.sha256], (number,), options, choice)
    unchanged = not_modified(etag, KEPT)
    if unchanged is not None:
        return _explained(unchanged)
    data = archive.rendered(instance, number, options)
    return _explained(validated(_picture(choice, data), etag, KEPT))


def retrieve_kept_thumbnail(data: bytes) -> Response:
    """The thumbnail the archive keeps of a study or series, a JPEG."""
    choice = choose(accepted(), [Offer("image/jpeg")], multipart=False)
    etag = hashlib.sha256(data).hexdigest()[:32]
    unchanged = not_modified(etag, _KEPT_WHILE_GROWING)
    return _explained(unchanged or validated(_picture(choice, data), etag, _KEPT_WHILE_GROWING))


def middle(instances: Sequence[Instance]) -> tuple[Instance, int]:
    """The instance and frame that stand for all of them."""
    instance = _pictorial(instances)[len(_pictorial(instances)) // 2]
    return instance, instance.facts.frames // 2 + 1


def wants_own_thumbnail() -> bool:
    """Whether the request asks for a thumbnail that the kept one does not serve."""
    if any(name in request.args for name in ("viewport", "window", "quality", "annotation")):
        return True
    return choose(accepted(), OFFERS, multipart=False).offer.type != "image/jpeg"


def options_of(choice: Choice, arguments: Mapping[str, str] | None = None) -> RenderOptions:
    """The parameters of the query, those of the request at hand unless others are given; InvalidRequest says which
    makes no sense."""
    given = request.args if arguments is None else arguments
    options = RenderOptions(format=_FORMATS[choice.offer.type], quality=_quality(given.get("quality")))
    if "annotation" in given:
        options = replace(options, annotation=annotation_of(given["annotation"]))
    if "window" in given:
        options = windowed(options, given["window"])
    if "viewport" in given:
        options = in_viewport(options, given["viewport"])
    return options


def format_of(choice: Choice) -> Literal["jpeg", "png", "webp"]:
    """How the picture is written."""
    return _FORMATS[choice.offer.type]


def annotation_of(text: str) -> tuple[str, ...]:
    """Which annotations are wanted; those we do not know are passed over (PS3.18 8.3.5.1.1)."""
    wanted = {part.strip().lower() for part in text.split(",")}
    return tuple(name for name in _ANNOTATIONS if name in wanted)


def windowed(options: RenderOptions, text: str) -> RenderOptions:
    """With this center, width and maybe function."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 3):
        raise InvalidRequest("window is center,width,function")
    center, width = _number(parts[0], "window center"), _number(parts[1], "window width")
    function = _FUNCTIONS.get(parts[2].lower() if len(parts) == 3 else "linear")
    if function is None:
        raise InvalidRequest(f"the function of a window is one of {', '.join(_FUNCTIONS)}")
    if width < 1 if function == "LINEAR" else width <= 0:
        raise InvalidRequest("a window must be wider (PS3.3 C.11.2.1.2)")
    return replace(options, window_center=center, window_width=width, voi_function=function)


def in_viewport(options: RenderOptions, text: str) -> RenderOptions:
    """With this size and maybe region."""
    parts = [part.strip() for part in text.split(",")]
    if not 2 <= len(parts) <= 6:
        raise InvalidRequest("viewport is width,height and maybe left,top,width,height of the source")
    columns, rows = (round(_number(part, "viewport")) for part in parts[:2])
    if not (1 <= columns <= _LARGEST_VIEWPORT and 1 <= rows <= _LARGEST_VIEWPORT):
        raise InvalidRequest(f"a viewport is 1 to {_LARGEST_VIEWPORT} pixels wide and high")
    options = replace(options, columns=columns, rows=rows, enlarge=True)
    source = [_number(part, "viewport") if part else None for part in parts[2:]]
    if any(number is not None for number in source):
        if len(source) != 4 or source[2] is None or source[3] is None:
            raise InvalidRequest("a region of the source is given by left, top, width and height")
        if min(source[2], source[3]) <= 0 or min(source[0] or 0, source[1] or 0) < 0:
            raise InvalidRequest("a region of the source lies inside it and is not mirrored")
        left, top, width, height = (round(number or 0) for number in source)
        options = replace(options, region=(left, top, max(1, width), max(1, height)))
    return options


def _quality(text: str | None) -> int:
    if text is None:
        return RenderOptions().quality
    quality = _number(text, "quality")
    if not 1 <= quality <= 100:
        raise InvalidRequest("quality is 1 to 100")
    return round(quality)


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InvalidRequest(f"{what}: {text[:32]!r} is not a number") from None
    if not math.isfinite(number) or abs(number) > 1e9:
        raise InvalidRequest(f"{what}: {text[:32]!r} is not a number of use here")
    return number


def _small(options: RenderOptions) -> RenderOptions:
    if options.rows is not None:
        return replace(options, enlarge=False)
    return replace(options, rows=_THUMBNAIL, columns=_THUMBNAIL)


def _choice(*, single: bool, multipart: bool = True, prefer_single: bool = True) -> Choice:
    """One picture is sent by itself unless multipart is asked for; the other way round for many."""
    ranges = accepted()
    if single and prefer_single:
        try:
            return choose(ranges, OFFERS, multipart=False)
        except NotAcceptable:
            if not multipart:
                raise
    return choose(ranges, OFFERS, single=single)


def _pictorial(instances: Sequence[Instance]) -> list[Instance]:
    pictorial = [instance for instance in instances if instance.facts.frames]
    if not pictorial:
        raise NotFound("there are no images here")
    return pictorial


def _all_pictures(
    archive: Archive, instances: Sequence[Instance], base: str, options: RenderOptions
) -> Iterator[tuple[str, bytes]]:
    for instance in instances:
        address = instance_url(base, instance.key)
        for number in range(1, instance.facts.frames + 1):
            yield f"{address}/frames/{number}/rendered", archive.rendered(instance, number, options)


def _answer(choice: Choice, pictures: Iterator[tuple[str, bytes]], etag: str) -> Response:
    first = next(pictures)
    if not choice.multipart:
        return _picture(choice, first[1])

    type = choice.offer.type
    parts = (_part(type, place, data) for place, data in chain((first,), pictures))
    return multipart_response(type, parts, etag)


def _part(type: str, place: str, data: bytes) -> Part:
    return Part(type, lambda: (data,), len(data), place)


def _picture(choice: Choice, data: bytes) -> Response:
    return Response(data, content_type=choice.offer.type)


def etag_of(objects: Sequence[str], numbers: Sequence[int], options: RenderOptions, choice: Choice) -> str:
    """The validator of these frames of these objects as these pictures, made by this version of the program."""
    what = repr((VERSION, objects, list(numbers), astuple(options), choice.multipart))
    return hashlib.sha256(what.encode()).hexdigest()[:32]


def _explained(response: Response) -> Response:
    """Vary, and a warning about parameters that have no effect (PS3.18 8.3.5.1)."""
    response.vary.add("Accept")
    ignored = [name for name in ("iccprofile",) if request.args.get(name, "no") != "no"]
    if set(request.args.get("annotation", "patient").lower().replace(" ", "").split(",")) - set(_ANNOTATIONS):
        ignored.append("annotation")
    if ignored:
        response.headers["Warning"] = f'299 - "these parameters have no effect: {", ".join(ignored)}"'
    return response
