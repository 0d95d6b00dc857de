"""Store (STOW-RS, PS3.18 10.5): parts go to the archive as they arrive; a success is durable."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Request, Response, request
from werkzeug.exceptions import UnsupportedMediaType

from pacs.archive import Archive, Expected, Incoming
from pacs.describe import describe
from pacs.describing_again import describe_head
from pacs.errors import LimitExceeded, SopClassMismatch
from pacs.status import status_of
from storage.errors import ArchiveError, InvalidInstance, StorageUnavailable
from storage.model.archive import CONFLICT, QUARANTINED, Description, InstanceKey, Origin, Outcome
from viewer.bodies import refuse_encodings
from viewer.dicomweb.addresses import instance_url, study_url
from viewer.dicomweb.bulk_parts import Body, bodies_of_metadata
from viewer.dicomweb.media_types import DICOM, DICOM_JSON, content_type
from viewer.dicomweb.multipart import BLOCK, Reader
from viewer.errors import InvalidRequest

log = logging.getLogger(__name__)

_KEPT_BESIDE_ANOTHER = 0xB000  # a warning of PS3.18 I.2.2: it is kept, but will not be retrieved as it was sent
_AT_ONCE = 256  # parts that wait for their commit before the next is read
_SEALING = 8  # parts of a request that are being synchronised while the next is read
_TOGETHER = 24  # parts that are synchronised are committed together …
_HELD_SECONDS = 0.05  # … unless one of them has waited so long when the next has come
_THREADS = 24  # of a process, for all its requests


@dataclass(slots=True)
class Answer:
    """What has become of the parts so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    failed: list[tuple[ArchiveError, InstanceKey | None, str]] = field(default_factory=list)


class Sealers:
    """Threads that make files durable, of all requests of a process: beginning one takes longer than its work."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="stow")

    def seal(self, incoming: Incoming) -> "Future[None]":
        """Have its bytes synchronised; the spool file is gone when that fails."""
        return self._pool.submit(_seal, incoming)


def _seal(incoming: Incoming) -> None:
    try:
        incoming.seal()
    except BaseException:
        incoming.discard()
        raise


class _Parts:
    """Parts on their way: received one by one, synchronised and committed a few at a time.

    A disk synchronises eight files in little more time than one, and a transaction with many rows costs half of as many
    with one, so nobody waits for a single one of them.
    """

    def __init__(self, archive: Archive, sealers: Sealers, study: str) -> None:
        self._archive = archive
        self._sealers = sealers
        self._study = study
        self._sealing: deque[tuple[Incoming, Future[None]]] = deque()
        self._sealed: deque[Incoming] = deque()
        self._held_since = 0.0
        self._committing: deque[Future[Outcome]] = deque()
        self.answer = Answer()

    def take(self, incoming: Incoming) -> None:
        """The part is complete: it is made durable while the next one is received."""
        incoming.handed_over = True
        self._sealing.append((incoming, self._sealers.seal(incoming)))
        while len(self._sealing) >= _SEALING or (self._sealing and self._sealing[0][1].done()):
            self._await_sealed()
        late = time.monotonic() - self._held_since > _HELD_SECONDS
        if len(self._sealed) >= _TOGETHER or (self._sealed and late):
            self._commit()
        while len(self._committing) > _AT_ONCE or (self._committing and self._committing[0].done()):
            self._await_committed()

    def fail(self, error: ArchiveError, key: InstanceKey | None = None, sop_class_uid: str = "") -> None:
        """This part could not be kept; which instance it was, where that is known."""
        self.answer.failed.append((error, key, sop_class_uid))

    def finish(self) -> Answer:
        """Wait until each part is durable, or has failed."""
        while self._sealing:
            self._await_sealed()
        self._commit()
        while self._committing:
            self._await_committed()
        return self.answer

    def close(self) -> None:
        """What was received whole is kept, whatever happened to the rest; no spool file is left behind."""
        self.finish()

    def _await_sealed(self) -> None:
        incoming, sealing = self._sealing.popleft()
        try:
            sealing.result()
        except ArchiveError as error:
            self.fail(error)
            return
        if not self._sealed:
            self._held_since = time.monotonic()
        self._sealed.append(incoming)

    def _commit(self) -> None:
        """Hand over what is synchronised, all at once, so that it becomes one group."""
        expected = Expected(study_instance_uid=self._study) if self._study else None
        while self._sealed:
            incoming = self._sealed.popleft()
            try:
                other = _of_another(incoming, self._study) if self._study else None
                if other is None:
                    self._committing.append(self._archive.store_async(incoming, expected))
                    continue
                error = SopClassMismatch("the instance belongs to another study than the one in the URL")
                self.fail(error, other.key, other.instance.sop_class_uid)
            except ArchiveError as failure:
                self.fail(failure)
            except BaseException:
                incoming.discard()
                raise
            incoming.discard()

    def _await_committed(self) -> None:
        try:
            self.answer.outcomes.append(self._committing.popleft().result())
        except ArchiveError as error:
            self.fail(error)


def store_instances(
    archive: Archive,
    sealers: Sealers,
    origin: Origin,
    study: str,
    base: str,
    most_bytes: int,
    noted: Callable[[str, int], None],
) -> Response:
    """Keep every part, or say of each why not. `most_bytes` limits one instance; `study` "" takes any study; `noted`
    hears how many instances of which study ("" for what cannot be read) are durable."""
    refuse_encodings()
    parts = _Parts(archive, sealers, study)
    try:
        for body in _bodies(archive, most_bytes):
            _receive(archive, origin, body, most_bytes, parts)
        answer = parts.finish()
    finally:
        parts.close()
    if not answer.outcomes and not answer.failed:
        raise InvalidRequest("there is no instance in the body")
    _raise_when_nothing_could_be_kept(answer)
    for uid, count in Counter(one.key.study_instance_uid if one.key else "" for one in answer.outcomes).items():
        noted(uid, count)
    return _response(answer, study, base)


def _bodies(archive: Archive, most_bytes: int) -> Iterator[Body]:
    """Each instance of the request: in parts, made of metadata and bulk data, or the one body of the request."""
    type, parameters = content_type(request.headers.get("Content-Type", ""))
    stream = _Connection(request)
    related = parameters.get("type", DICOM).lower() if type == "multipart/related" else ""
    if type == DICOM:
        yield Body(_blocks(stream))
    elif type == DICOM_JSON:
        yield from bodies_of_metadata(archive, [(DICOM_JSON, {}, "", _blocks(stream))], request.base_url, most_bytes)
    elif related == DICOM_JSON:
        reader = Reader(stream, parameters.get("boundary", ""))
        parts = (
            (*content_type(part.headers.get("content-type", "")), part.headers.get("content-location", ""), part.body())
            for part in reader
        )
        yield from bodies_of_metadata(archive, parts, request.base_url, most_bytes)
    elif related == DICOM:
        for part in Reader(stream, parameters.get("boundary", "")):
            if content_type(part.headers.get("content-type", DICOM))[0] != DICOM:
                raise UnsupportedMediaType
            yield Body(part.body())
    else:
        raise UnsupportedMediaType


def _receive(archive: Archive, origin: Origin, body: Body, most_bytes: int, parts: _Parts) -> None:
    """Receive one part and hand it over; its failure is noted, not raised, so that the others get their chance."""
    try:
        with archive.receive(origin) as incoming:
            for data in body.pieces:
                incoming.write(data)
                if incoming.size > most_bytes:
                    raise LimitExceeded(f"an instance of more than {most_bytes} bytes")
            parts.take(incoming)
    except InvalidRequest:
        raise
    except ArchiveError as failure:
        parts.fail(failure, body.key, body.sop_class_uid)


def _of_another(incoming: Incoming, study: str) -> Description | None:
    """What the instance says when it is of another study. The archive checks it as well, but cannot say which
    instance it refused."""
    try:
        description = describe_head(incoming.head, incoming.size) or describe(incoming.path)
    except InvalidInstance:
        return None  # it will be kept in quarantine
    return description if description.key.study_instance_uid != study else None


def _raise_when_nothing_could_be_kept(answer: Answer) -> None:
    """When storage alone is to blame the whole request is to be repeated later, and its status says so."""
    errors = [error for error, _, _ in answer.failed]
    if not answer.outcomes and all(isinstance(error, StorageUnavailable) for error in errors):
        raise errors[0]


def _response(answer: Answer, study: str, base: str) -> Response:
    """The Store Instances Response Module (PS3.18 Table I.1-1) and its status (Table 10.5.3-1)."""
    stored, other_failures = [], []
    failures = [
        _reference(key, sop_class, _us("00081197", status_of(error, "STOW")))
        for error, key, sop_class in answer.failed
        if key
    ]
    other_failures += [_us("00081197", status_of(error, "STOW")) for error, key, _ in answer.failed if not key]
    warned = False
    for outcome in answer.outcomes:
        if outcome.kind == QUARANTINED or outcome.key is None:
            other_failures.append(_us("00081197", status_of(InvalidInstance(outcome.reason), "STOW")))
            continue
        more: dict[str, object] = {"00081190": _value("UR", instance_url(base, outcome.key))}
        if outcome.kind == CONFLICT:
            warned = True
            more |= _us("00081196", _KEPT_BESIDE_ANOTHER)
        stored.append(_reference(outcome.key, outcome.sop_class_uid, more))
    studies = {outcome.key.study_instance_uid for outcome in answer.outcomes if outcome.key is not None}
    document: dict[str, object] = {}
    if study or len(studies) == 1:
        document["00081190"] = _value("UR", study_url(base, study or studies.pop()))
    for tag, items in (("00081198", failures), ("00081199", stored), ("0008119A", other_failures)):
        if items:
            document[tag] = {"vr": "SQ", "Value": items}
    failed = bool(failures or other_failures)
    status = 409 if not stored else 202 if failed or warned else 200
    log.info(
        "store of %d instances: %d kept, status %d",
        len(stored) + len(failures) + len(other_failures),
        len(stored),
        status,
    )
    return Response(orjson.dumps(document), status, content_type=DICOM_JSON)


def _reference(key: InstanceKey, sop_class_uid: str, more: dict[str, object]) -> dict[str, object]:
    return {"00081150": _value("UI", sop_class_uid), "00081155": _value("UI", key.sop_instance_uid), **more}


def _us(tag: str, value: int) -> dict[str, object]:
    return {tag: _value("US", value)}


def _value(vr: str, value: object) -> dict[str, object]:
    return {"vr": vr, "Value": [value]}


def _blocks(stream: "_Connection") -> Iterator[bytes | memoryview]:
    block = memoryview(bytearray(BLOCK))
    while count := stream.readinto(block):
        with block[:count] as ready:
            yield ready


class _Connection:
    """The body of the request as the server gives it: past the application's limit, since a request may bring a whole
    study and each instance is limited, and past the copies that come with it. A sender that goes away, falls silent or
    brings less than it said is an InvalidRequest, not a bug."""

    def __init__(self, asked: Request) -> None:
        self._stream: Any = asked.environ["wsgi.input"]
        self._into: Callable[[memoryview], int | None] = getattr(self._stream, "readinto", self._read_into)
        ends = asked.environ.get("wsgi.input_terminated")
        self._left = asked.content_length if asked.content_length is not None or ends else 0

    def readinto(self, target: memoryview) -> int:
        """Put what has come into `target`; how many bytes that are, 0 at the end."""
        wanted = target if self._left is None else target[: self._left]
        if not wanted:
            return 0
        try:
            count = self._into(wanted) or 0
        except OSError as error:
            raise InvalidRequest("the body broke off") from error
        if self._left is not None:
            if not count:
                raise InvalidRequest("the body broke off")
            self._left -= count
        return count

    def _read_into(self, target: memoryview) -> int:
        data = self._stream.read(len(target))
        target[: len(data)] = data
        return len(data)
