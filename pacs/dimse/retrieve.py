"""What C-MOVE and C-GET have in common: which instances are meant, and the counts of sub-operations (PS3.4 C.4.2-3)."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from pacs.archive import Archive
from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.stream import PduStream
from pacs.dimse.identifier import encode
from pacs.dimse.session import Session
from pacs.dimse.statuses import CANCELLED, PENDING, SOME_FAILED, SUCCESS, UNABLE_TO_SEND, is_warning
from storage.errors import InvalidQuery, NotFound
from storage.model.archive import Instance, Scope
from storage.model.query import Level, Match, Matching, Query

log = logging.getLogger(__name__)

MOST_FAILED_UIDS = 900  # what fits into one UI element with a 16-bit length

_UNIQUE = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}


def select(archive: Archive, scope: Scope, identifier: Dataset) -> list[Instance]:
    """The instances an identifier names. Unique keys of upper levels narrow; a missing one is forgiven, as if
    relational retrieval were always agreed."""
    level = _level(identifier)
    keys = {keyword: _values(identifier, keyword) for keyword in _UNIQUE.values()}
    if not keys[_UNIQUE[level]]:
        raise InvalidQuery(f"no {_UNIQUE[level]} at level {level}")
    if level is Level.PATIENT:
        keys |= {"StudyInstanceUID": (), "SeriesInstanceUID": (), "SOPInstanceUID": ()}
    elif level is Level.STUDY:
        keys |= {"SeriesInstanceUID": (), "SOPInstanceUID": ()}
    elif level is Level.SERIES:
        keys |= {"SOPInstanceUID": ()}
    series_uids, instance_uids = keys["SeriesInstanceUID"], frozenset(keys["SOPInstanceUID"])
    found: list[Instance] = []
    for study_uid in keys["StudyInstanceUID"] or _studies(archive, scope, level, keys):
        for series_uid in series_uids or (None,):
            try:
                instances = archive.instances(scope, study_uid, series_uid)
            except NotFound:
                continue
            found += [one for one in instances if not instance_uids or one.key.sop_instance_uid in instance_uids]
    return found


def note_export(session: Session, door: str, instances: Iterable[Instance], **facts: str) -> None:
    """These are about to leave, as the audit log has it: how many of which study. Raises StorageUnavailable."""
    for study, count in Counter(one.key.study_instance_uid for one in instances).items():
        session.archive.acts.exported(session.actor, session.peer.hospital_id, study, door, count, **facts)


def _level(identifier: Dataset) -> Level:
    text = str(identifier.get("QueryRetrieveLevel", "") or "").strip()
    try:
        return Level(text)
    except ValueError:
        raise InvalidQuery("no valid Query/Retrieve Level") from None


def _values(identifier: Dataset, keyword: str) -> tuple[str, ...]:
    value = identifier.get(keyword)
    if value is None or value == "":
        return ()
    values = [value] if isinstance(value, str) else list(value)
    return tuple(text for text in (str(one).strip() for one in values) if text)


def _studies(archive: Archive, scope: Scope, level: Level, keys: dict[str, tuple[str, ...]]) -> list[str]:
    """The studies that hold what the unique keys name when no study is named."""
    matches = tuple(
        Match(keyword, Matching.SINGLE if keyword == "PatientID" else Matching.UID_LIST, values)
        for keyword, values in keys.items()
        if values
    )
    asked = Level.STUDY if level is Level.PATIENT else level
    found = archive.find(Query(asked, scope, matches, ("StudyInstanceUID",)))
    uids: dict[str, None] = {}
    for row in found:
        values = row.attributes.get("0020000D", {}).get("Value")
        if isinstance(values, list) and values:
            uids[str(values[0])] = None
    return list(uids)


@dataclass(slots=True)
class SubOperations:
    """Counts of C-STORE sub-operations."""

    remaining: int
    completed: int = 0
    failed: int = 0
    warning: int = 0
    failed_uids: list[str] = field(default_factory=list)

    def done(self, instance: Instance, status: int) -> None:
        """One was answered with `status`."""
        self.remaining -= 1
        if status == SUCCESS:
            self.completed += 1
        elif is_warning(status):
            self.warning += 1
        else:
            self._fail(instance)
            log.warning("%s was answered with status %04X", instance.key.sop_instance_uid, status)

    def lost(self, instance: Instance, error: Exception) -> None:
        """One could not be sent."""
        self.remaining -= 1
        self._fail(instance)
        log.warning("%s could not be sent: %s", instance.key.sop_instance_uid, error)

    def lost_all(self, instances: Iterable[Instance]) -> None:
        """All of these could not be sent, for one reason."""
        for instance in instances:
            self.remaining -= 1
            self._fail(instance)

    def _fail(self, instance: Instance) -> None:
        self.failed += 1
        self.failed_uids.append(instance.key.sop_instance_uid)

    def pending(self, request: Command) -> bytes:
        """A response between sub-operations."""
        return commands.response(request, PENDING, {commands.REMAINING: _us(self.remaining)} | self._counts())

    def final_status(self, cancelled: bool) -> int:
        """What became of the whole."""
        if cancelled:
            return CANCELLED
        if self.failed and not self.completed and not self.warning:
            return UNABLE_TO_SEND
        return SOME_FAILED if self.failed or self.warning else SUCCESS

    def final(self, request: Command, cancelled: bool, transfer_syntax: str) -> tuple[bytes, bytes | None]:
        """The last response, and its identifier with the Failed SOP Instance UID List when there is one."""
        counts = self._counts()
        if cancelled:
            counts[commands.REMAINING] = _us(self.remaining)
        identifier = None
        if self.failed_uids:
            dataset = Dataset()
            dataset.FailedSOPInstanceUIDList = self.failed_uids[:MOST_FAILED_UIDS]
            identifier = encode(dataset, transfer_syntax)
        status = self.final_status(cancelled)
        return commands.response(request, status, counts, dataset=identifier is not None), identifier

    def _counts(self) -> dict[int, int | str]:
        return {
            commands.COMPLETED: _us(self.completed),
            commands.FAILED: _us(self.failed),
            commands.WARNING: _us(self.warning),
        }


def is_cancel(command: Command, request: Command) -> bool:
    """Whether `command` is a C-CANCEL of `request`."""
    return command.field == commands.C_CANCEL_RQ and command.responded_to == request.message_id


def cancelled(stream: PduStream, request: Command) -> bool:
    """Whether the peer has cancelled `request` while we were busy with it. Never waits."""
    while stream.has_more():
        context_id, command = stream.read_command()
        if is_cancel(command, request):
            return True
        if command.field == commands.C_CANCEL_RQ:
            continue
        stream.unread_command(context_id, command)  # the next request, sent early
        return False
    return False


def failure(request: Command, status: int, error: Exception | str) -> bytes:
    """The response to a retrieval that could not begin."""
    none = {commands.COMPLETED: 0, commands.FAILED: 0, commands.WARNING: 0}
    return commands.response(request, status, none, comment=str(error))


def _us(count: int) -> int:
    """A count as its 16-bit element holds it."""
    return min(count, 65535)
