"""The shortest way for the request a viewer makes most: one frame as it is stored.

The same address is answered by viewer/dicomweb/frames.py, through Flask; there every frame costs ten times what it
takes to send it. So this stands before the application and answers only what needs no work: GET of one frame whose
stored bytes are one range of a file. The guard, the negotiation, the validator and the journal are the same objects
and functions. Whatever else it meets (a condition, a range, an error, somebody who may not) it leaves to the
application, which finds out again and says so.
"""

import re
from functools import lru_cache, partial
from typing import Any

from flask import Request

from pacs.archive.frames import is_stored_as, sound
from pacs.errors import NotAcceptable
from storage.errors import ArchiveError
from storage.index.remembered import Stamp
from storage.model.archive import Instance, InstanceKey, Scope
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
from viewer.sending import AT_ONCE, FileBody

_FRAME = re.compile(rf"{PATH}/studies/{UID}/series/{UID}/instances/{UID}/frames/([0-9]{{1,9}})", re.ASCII)
_VERSION = re.compile(rf"(?:v=([0-9a-f]{{{DIGITS}}}))?", re.ASCII)
_AHEAD = 2  # frames
# Conditions and ranges: the short ways leave them to the application.
LEFT_TO_FLASK = ("HTTP_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE")


class DirectFrames(ShortWay):
    """The application with the short way before it."""

    PATTERN = _FRAME

    def at_once(self, environ: dict[str, Any], _start_response: object = None) -> FileBody | None:
        """The answer when nothing has to be waited for: the caller and the instance are remembered, the frame is in the
        kernel's memory. For a server that answers in its main loop; None for whatever else it is."""
        found = self.PATTERN.fullmatch(environ["PATH_INFO"])
        if found is None or environ["REQUEST_METHOD"] != "GET":
            return None
        environ[AT_ONCE] = True
        body = self._short(environ, found)
        return body if isinstance(body, FileBody) else None

    def _answer(self, asked: Request, found: re.Match[str]) -> FileBody | None:
        version = _VERSION.fullmatch(asked.environ.get("QUERY_STRING", ""))
        if version is None or any(name in asked.environ for name in LEFT_TO_FLASK):
            return None
        key, number = InstanceKey(*found.groups()[:3]), int(found[4])
        at_once = AT_ONCE in asked.environ
        try:
            if at_once and not self._guard.knows(asked):
                return None
            caller = self._guard.admitted(asked, STUDY_READ, guests.FRAMES)
            instance = self._instance(caller.scope, key, asked.environ[STAMP], at_once=at_once)
            place = self._archive.frame_place(instance, number) if instance is not None else None
            if instance is None or place is None:
                return None
            syntax = instance.facts.transfer_syntax_uid
            choice = _choice(asked.environ.get("HTTP_ACCEPT", ""), syntax)
            if choice is None or not is_stored_as(syntax, choice.offer.transfer_syntax):
                return None
            descriptor = self._archive.objects.descriptor(sound(instance), place.offset + place.length)
            if descriptor is None:
                return None
            body = FileBody(descriptor, place.offset, place.length)
            body.following = partial(self._begins_next, caller.scope, instance, number, asked.environ[STAMP])
            if not body.is_in_memory() and at_once:
                body.close()
                return None
            try:
                self._guard.viewed_directly(caller, asked, instance)
            except ArchiveError:
                body.close()
                raise
        except ArchiveError:
            return None
        asked.environ["hoichan.caller"] = caller
        body.headers = self._headers(asked, instance, number, choice, body, guest=caller.guest is not None)
        return body

    def _instance(self, scope: Scope, key: InstanceKey, stamp: Stamp, *, at_once: bool) -> Instance | None:
        """The instance; where nothing may be waited for, None when the index would have to be asked."""
        if at_once:
            return self._archive.remembered(scope, key, stamp)
        return self._archive.instance(scope, key, stamp)

    def _begins_next(self, scope: Scope, instance: Instance, number: int, stamp: Stamp) -> bool:
        """Have the kernel begin with the frames that follow in the series; False when it need not. Frames of one object
        that follow each other it reads ahead by itself."""
        if number < instance.facts.frames:
            return False
        begins, following = False, self._archive.remembered_after(scope, instance.key, stamp)
        for _ in range(_AHEAD):
            if following is None:
                break
            begins = self._begins(following) or begins
            following = self._archive.remembered_after(scope, following.key, stamp)
        return begins

    def _begins(self, following: Instance) -> bool:
        place = self._archive.frame_place(following, 1)
        if place is None:
            return False
        try:
            descriptor = self._archive.objects.descriptor(sound(following), place.offset + place.length)
        except ArchiveError:  # who asks for it will hear why it cannot be read
            return False
        if descriptor is None:
            return False
        body = FileBody(descriptor, place.offset, place.length)
        try:
            return not body.is_in_memory()
        finally:
            body.close()

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
