"""Store (STOW-RS, PS3.18 10.5): parts go to the archive as they arrive; a success is durable."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import orjson
from flask import Response, request
from werkzeug.exceptions import ClientDisconnected, UnsupportedMediaType

from pacs.archive import Archive, Expected, Incoming
from pacs.describe import describe
from pacs.errors import LimitExceeded, SopClassMismatch
from pacs.status import status_of
from storage.errors import ArchiveError, InvalidInstance, StorageUnavailable
from storage.model.archive import CONFLICT, QUARANTINED, Description, InstanceKey, Origin, Outcome
from viewer.bodies import refuse_encodings
from viewer.dicomweb.addresses import instance_url, study_url
from viewer.dicomweb.media_types import DICOM, DICOM_JSON, content_type
from viewer.dicomweb.multipart import BLOCK, Reader
from viewer.errors import InvalidRequest

log = logging.getLogger(__name__)

_KEPT_BESIDE_ANOTHER = 0xB000  # a warning of PS3.18 I.2.2: it is kept, but will not be retrieved as it was sent
_AT_ONCE = 256  # parts that wait for their commit before the next is read


@dataclass(slots=True)
class Answer:
    """What has become of the parts so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    failed: list[tuple[ArchiveError, InstanceKey | None, str]] = field(default_factory=list)


def store_instances(archive: Archive, origin: Origin, study: str, base: str, most_bytes: int) -> Response:
    """Keep every part, or say of each why not. `most_bytes` limits one instance; `study` "" takes any study."""
    refuse_encodings()
    request.max_content_length = None  # a request may bring a whole study; each instance is limited
    answer, waiting = Answer(), deque[Future[Outcome]]()
    for body in _bodies():
        _store(archive, origin, study, body, most_bytes, waiting, answer)
        while len(waiting) > _AT_ONCE or (waiting and waiting[0].done()):
            _await(waiting.popleft(), answer)
    while waiting:
        _await(waiting.popleft(), answer)
    if not answer.outcomes and not answer.failed:
        raise InvalidRequest("there is no instance in the body")
    _raise_when_nothing_could_be_kept(answer)
    return _response(answer, study, base)


def _bodies() -> Iterator[Iterator[bytes]]:
    """The body of each part; or the one body of a request that is an instance itself."""
    type, parameters = content_type(request.headers.get("Content-Type", ""))
    stream = cast(BinaryIO, _Connection(request.stream))
    if type == DICOM:
        yield _blocks(stream)
        return
    if type != "multipart/related" or parameters.get("type", DICOM).lower() != DICOM:
        raise UnsupportedMediaType
    for part in Reader(stream, parameters.get("boundary", "")):
        if content_type(part.headers.get("content-type", DICOM))[0] != DICOM:
            raise UnsupportedMediaType
        yield part.body()


def _store(
    archive: Archive,
    origin: Origin,
    study: str,
    body: Iterator[bytes],
    most_bytes: int,
    waiting: "deque[Future[Outcome]]",
    answer: Answer,
) -> None:
    """Receive one part and hand it over; its failure is noted, not raised, so that the others get their chance."""
    try:
        with archive.receive(origin) as incoming:
            for data in body:
                incoming.write(data)
                if incoming.size > most_bytes:
                    raise LimitExceeded(f"an instance of more than {most_bytes} bytes")
            incoming.seal()
            other = _of_another(incoming, study) if study else None
            if other is not None:
                error = SopClassMismatch("the instance belongs to another study than the one in the URL")
                answer.failed.append((error, other.key, other.instance.sop_class_uid))
                return
            waiting.append(archive.store_async(incoming, Expected(study_instance_uid=study) if study else None))
    except InvalidRequest:
        raise
    except ArchiveError as failure:
        answer.failed.append((failure, None, ""))


def _of_another(incoming: Incoming, study: str) -> Description | None:
    """What the instance says when it is of another study. The archive checks it as well, but cannot say which
    instance it refused."""
    try:
        description = describe(incoming.path)
    except InvalidInstance:
        return None  # it will be kept in quarantine
    return description if description.key.study_instance_uid != study else None


def _await(future: "Future[Outcome]", answer: Answer) -> None:
    try:
        answer.outcomes.append(future.result())
    except ArchiveError as error:
        answer.failed.append((error, None, ""))


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


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while data := stream.read(BLOCK):
        yield data


class _Connection:
    """The body of the request; a sender that goes away or falls silent is an InvalidRequest, not a bug."""

    def __init__(self, stream: object) -> None:
        self._stream = cast(BinaryIO, stream)

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (OSError, ClientDisconnected) as error:
            raise InvalidRequest("the body broke off") from error
