"""WADO-URI (PS3.18 9): one instance, or a picture of one of its frames, named by parameters of the query."""

from dataclasses import replace

from flask import Response, request

from pacs.archive import Archive
from pacs.errors import NotAcceptable
from pacs.pixels.options import RenderOptions
from storage.model.archive import Instance, InstanceKey, Scope
from viewer.dicomweb import rendered
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.frames import check_numbers
from viewer.dicomweb.instances import retrieve_single
from viewer.dicomweb.media_types import DICOM, Choice, Offer, parse
from viewer.errors import InvalidRequest

_PICTURES = ("image/jpeg", "image/png", "image/webp")
_UNSUPPORTED = ("anonymize",)


def retrieve(archive: Archive, scope: Scope, base: str) -> tuple[Instance, bool, Response]:
    """What the parameters name: the instance, whether it leaves as DICOM, and the answer. InvalidRequest says which of
    them makes no sense."""
    if request.args.get("requestType") != "WADO":
        raise InvalidRequest("requestType must be WADO")
    for name in _UNSUPPORTED:
        if request.args.get(name, "no").lower() not in ("no", ""):
            raise InvalidRequest(f"{name} is not supported here")
    key = InstanceKey(*(_needed(name) for name in ("studyUID", "seriesUID", "objectUID")))
    instance = archive.instance(scope, key)
    type = _content_type(instance)
    if type == DICOM:
        return instance, True, retrieve_single(archive, instance, (request.args.get("transferSyntax", ""),))
    number = _whole("frameNumber", 1)
    check_numbers(instance, [number])
    presentation = None
    if "presentationUID" in request.args:
        presentation = rendered.check_presentation(archive.instance_by_uid(scope, request.args["presentationUID"]))
    choice = Choice(Offer(type), multipart=False)
    response = rendered.send_rendered(
        archive, instance, [number], instance_url(base, key), choice, _options(choice, instance), presentation
    )
    return instance, False, response


def _content_type(instance: Instance) -> str:
    """The best of what contentType lists; a JPEG of an image and DICOM of anything else when it lists nothing."""
    given = request.args.get("contentType", "")
    if not given.strip():
        return _PICTURES[0] if instance.facts.frames else DICOM
    offers = (*_PICTURES, DICOM) if instance.facts.frames else (DICOM,)
    for wanted in sorted(parse(given), key=lambda one: (-one.quality, one.position)):
        for type in offers:
            if wanted.quality > 0 and wanted.takes(type):
                return type
    raise NotAcceptable(f"this can be had as {', '.join(offers)}")


def _options(choice: Choice, instance: Instance) -> RenderOptions:
    """The parameters of PS3.18 9.1.2.2, which are other ones than those of WADO-RS."""
    options = RenderOptions(
        format=rendered.format_of(choice), annotation=rendered.annotation_of(request.args.get("annotation", ""))
    )
    if "imageQuality" in request.args:
        options = replace(options, quality=min(100, max(1, _whole("imageQuality", 90))))
    if "windowCenter" in request.args or "windowWidth" in request.args:
        options = rendered.windowed(options, f"{_needed('windowCenter')},{_needed('windowWidth')}")
    if "rows" in request.args or "columns" in request.args:
        rows, columns = (_whole(name, 8192) for name in ("rows", "columns"))
        options = rendered.in_viewport(options, f"{columns},{rows}")
    if "region" in request.args:
        options = replace(options, region=_region(request.args["region"], instance))
    return options


def _region(text: str, instance: Instance) -> tuple[int, int, int, int]:
    """Left, top, right and bottom between 0 and 1, as left, top, width and height in pixels."""
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidRequest("region is left,top,right,bottom") from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InvalidRequest("a region lies between 0,0 and 1,1 and is not empty")
    wide, high = instance.facts.columns or 1, instance.facts.rows or 1
    x, y = int(left * wide), int(top * high)
    return x, y, max(1, round(right * wide) - x), max(1, round(bottom * high) - y)


def _needed(name: str) -> str:
    value = request.args.get(name, "")
    if not value:
        raise InvalidRequest(f"{name} is missing")
    return value


def _whole(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise InvalidRequest(f"{name} is a whole number from 1")
    return int(text)
