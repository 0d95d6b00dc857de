"""The shortest way for the request a viewer makes most: one frame as it is stored.

The same address is answered by viewer/dicomweb/frames.py, through Flask; there every frame costs ten times what it
takes to send it. So this stands before the application and answers only what needs no work: GET of one frame whose
stored bytes are one range of a file. The guard, the negotiation, the validator and the journal are the same objects
and functions. Whatever else it meets (a condition, a range, an error, somebody who may not) it leaves to the
application, which finds out again and says so.
"""

import re
from functools import lru_cache

from flask import Request

from pacs.archive.frames import is_stored_as, sound
from pacs.errors import NotAcceptable
from storage.errors import ArchiveError
from storage.model.archive import Instance, InstanceKey
from viewer import journal
from viewer.access import guests
from viewer.access.guard import STAMP
from viewer.access.rights import STUDY_READ
from viewer.dicomweb import frames
from viewer.dicomweb.addresses import PATH, instance_url, root
from viewer.dicomweb.media_types import Choice, choose, parse
from viewer.dicomweb.multipart import framing
from viewer.dicomweb.short_way import UID, ShortWay
from viewer.dicomweb.versions import DIGITS, keeping
from viewer.headers import always
from viewer.sending import FileBody

_FRAME = re.compile(rf"{PATH}/studies/{UID}/series/{UID}/instances/{UID}/frames/([0-9]{{1,9}})", re.ASCII)
_VERSION = re.compile(rf"(?:v=([0-9a-f]{{{DIGITS}}}))?", re.ASCII)
# Conditions and ranges: the short ways leave them to the application.
LEFT_TO_FLASK = ("HTTP_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE")


class DirectFrames(ShortWay):
    """The application with the short way before it."""

    PATTERN = _FRAME

    def _answer(self, asked: Request, found: re.Match[str]) -> FileBody | None:
        version = _VERSION.fullmatch(asked.environ.get("QUERY_STRING", ""))
        if version is None or any(name in asked.environ for name in LEFT_TO_FLASK):
            return None
        key, number = InstanceKey(*found.groups()[:3]), int(found[4])
        try:
            caller = self._guard.admitted(asked, STUDY_READ, guests.FRAMES)
            instance = self._archive.instance(caller.scope, key, asked.environ.get(STAMP))
            place = self._archive.frame_place(instance, number)
            syntax = instance.facts.transfer_syntax_uid
            choice = _choice(asked.environ.get("HTTP_ACCEPT", ""), syntax)
            if place is None or choice is None or not is_stored_as(syntax, choice.offer.transfer_syntax):
                return None
            self._guard.viewed_directly(caller, asked, instance)
            descriptor = self._archive.objects.descriptor(sound(instance), place.offset + place.length)
        except ArchiveError:
            return None
        if descriptor is None:
            return None
        asked.environ["hoichan.caller"] = caller
        body = FileBody(descriptor, place.offset, place.length)
        body.headers = self._headers(asked, instance, number, choice, body, guest=caller.guest is not None)
        return body

    def _headers(
        self, asked: Request, instance: Instance, number: int, choice: Choice, body: FileBody, *, guest: bool
    ) -> list[tuple[str, str]]:
        """What the application would say; for multipart the body gets what stands around the frame."""
        offer = choice.offer
        address = instance_url(root(self._public_url, asked), instance.key) if choice.multipart else ""
        etag = frames.etag_of(instance, (number,), offer, address)
        content_type = f"{offer.type}; transfer-syntax={offer.transfer_syntax}"
        headers = [*always(secure=asked.is_secure), ("X-Request-Id", journal.request_id())]
        if choice.multipart:
            place = f"{address}/frames/{number}"
            whole, body.head, body.tail = framing(offer.type, content_type, body.length, place, etag)
            headers.append(("Content-Type", whole))
        else:
            headers += (("Content-Type", content_type), ("Accept-Ranges", "bytes"))
        headers += (
            ("Content-Length", str(body.size)),
            ("ETag", f'"{etag}"'),
            ("Cache-Control", guests.UNKEPT if guest else keeping(instance, asked.environ.get("QUERY_STRING", "")[2:])),
            ("Vary", "Accept"),
        )
        return headers


@lru_cache(maxsize=256)
def _choice(accept: str, transfer_syntax: str) -> Choice | None:
    """What the Accept header means for one frame stored in the transfer syntax; None when nothing, or no header."""
    ranges = list(parse(accept))
    if not ranges:
        return None
    try:
        return choose(ranges, frames.offers_of(transfer_syntax))
    except NotAcceptable:
        return None
