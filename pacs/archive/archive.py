"""Archive: what every door asks for. It owns no state but the database, the object store and the spool folder."""

import hashlib
import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

from pacs.acts import Acts
from pacs.archive import adopting, compare, frames, metadata, picturing, previewing, spool, transcode
from pacs.archive.arriving import Arriving
from pacs.archive.commit import Committer, Waiting
from pacs.archive.encodings import Encodings
from pacs.archive.frames import Frame, Place
from pacs.archive.known import KnownInstances
from pacs.archive.metadata import Metadata
from pacs.archive.pieces import Pieces
from pacs.archive.spool import Incoming
from pacs.describe import describe
from pacs.describing_again import describe_head
from pacs.errors import SopClassMismatch, UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.options import RenderOptions
from pacs.pixels.pool import Codecs
from pacs.pixels.previews import Preview
from pacs.pixels.syntaxes import NATIVE
from storage.errors import InvalidInstance, NotFound, ObjectCorrupt, ObjectMissing, StorageUnavailable
from storage.index import hospitals, instances, search
from storage.index.database import Database
from storage.index.effort import Effort
from storage.index.remembered import Remembered, Stamp
from storage.model.archive import Description, Instance, InstanceKey, Origin, Outcome, Scope, Series, StoredObject
from storage.model.query import Found, Query
from storage.objects.base import ObjectStore, derived_key
from storage.objects.room import Room

log = logging.getLogger(__name__)

THUMBNAIL = 256


@dataclass(frozen=True, slots=True)
class Expected:
    """Which instance the command or request says it brings; what is empty is not checked."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Archive:
    """Objects and their index. One for each process; threads may share it, a fork makes its own threads."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        spool: Path,
        codecs: Codecs | None = None,
        clock: Callable[[], int] = now_ms,
        room: Room | None = None,
        effort: Callable[[], Effort] = Effort,
        encodings: Encodings | None = None,
        pieces: Pieces | None = None,
        acts: Acts | None = None,
    ) -> None:
        self.database = database
        self.objects = objects
        self.spool = spool
        self.clock = clock
        self.acts = acts or Acts(database)  # what is looked at and taken out, on its way to the audit log
        self.room = room or Room()
        self.effort = effort  # what a query from outside may cost
        self._codecs = codecs
        self._encodings = encodings
        self.arriving = Arriving(database, objects, pieces) if pieces is not None else None
        self._known = KnownInstances(database)
        self._manifests: Remembered[tuple[int, str, str], Metadata] = Remembered(database.stamp, 8)
        self._same_content = partial(compare.same_content, objects, codecs)
        self._committer = Committer(database, objects, self._same_content)

    @property
    def codecs(self) -> Codecs:
        """The codec processes; raises UndecodablePixels where the archive was opened without them."""
        if self._codecs is None:
            raise UndecodablePixels("this process has no codecs")
        return self._codecs

    def receive(self, origin: Origin) -> Incoming:
        """A spool file for an object that is arriving; a context manager. Raises StorageFull when the disk is so short
        of room that nothing more is taken."""
        self.room.must_have()
        return Incoming(self.spool, origin, self.objects.synchroniser(self.spool))

    def scratch(self) -> BinaryIO:
        """A file without a name, for what an object is made of; it is gone when it is closed."""
        self.room.must_have()
        try:
            self.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
            return cast(BinaryIO, tempfile.TemporaryFile(dir=self.spool))
        except OSError as error:
            raise spool.said(error) from error

    def store(self, incoming: Incoming, expect: Expected | None = None) -> Outcome:
        """Keep what was received; returns when it is durable in the object store and in the index.

        Raises StorageUnavailable or StorageFull when it could not be made durable, and SopClassMismatch when it is not
        what `expect` says; nothing is acknowledged then. The spool file is gone in any case.
        """
        return self._committer.commit(self._waiting(incoming, expect))

    def store_async(self, incoming: Incoming, expect: Expected | None = None) -> "Future[Outcome]":
        """Like `store`, but the outcome is awaited later. The header is read before this returns."""
        return self._committer.submit(self._waiting(incoming, expect))

    def _waiting(self, incoming: Incoming, expect: Expected | None) -> Waiting:
        incoming.handed_over = True
        try:
            incoming.seal()
            description, reason = _read(incoming)
            if expect is not None and description is not None:
                _check(description, expect)
            return Waiting(incoming, incoming.sha256, description, reason)
        except BaseException:
            incoming.discard()
            raise

    def close(self) -> None:
        """Finish what is being stored; connections and files are let go."""
        self._committer.close()
        self.acts.close()
        self.database.close()

    def sweep_spool(self) -> int:
        """Remove what crashed processes left in the spool folder; how many files went."""
        return spool.sweep(self.spool)

    def adopt(self, stored: StoredObject, origin: Origin) -> str:
        """Index an object that is in the store and that nothing points to; what became of it, as in Outcome. Raises
        ObjectCorrupt when it is no longer what was stored."""
        return adopting.adopt(self.database, self.objects, self._same_content, stored, origin)

    def find(self, query: Query, effort: Effort | None = None) -> Iterator[Found]:
        """The answers to a query, one by one, on one connection. InvalidQuery is raised before the first of them.
        `effort` bounds the work, and says afterwards whether it had to."""
        answers = self._answers(query, effort)
        first = list(islice(answers, 1))
        return chain(first, answers)

    def _answers(self, query: Query, effort: Effort | None) -> Iterator[Found]:
        with self.database.reading() as db:
            yield from search.find(db, query, effort)

    def instance(self, scope: Scope, key: InstanceKey, stamp: Stamp | None = None) -> Instance:
        """The instance of exactly this study, series and UID. Raises NotFound. `stamp` is one of the index that was
        taken for this very request."""
        return self._known.get(scope, key, stamp)

    def remembered(self, scope: Scope, key: InstanceKey, stamp: Stamp) -> Instance | None:
        """The instance when it can be told without asking the index, which is in the state of `stamp`; else None."""
        return self._known.remembered(scope, key, stamp)

    def remembered_after(self, scope: Scope, key: InstanceKey, stamp: Stamp) -> Instance | None:
        """The instance that follows this one in its series, told the same way."""
        return self._known.after(scope, key, stamp)

    def instance_by_uid(self, scope: Scope, sop_instance_uid: str) -> Instance:
        with self.database.reading() as db:
            return instances.find_by_uid(db, scope, sop_instance_uid)

    def instances(
        self, scope: Scope, study_instance_uid: str, series_instance_uid: str | None = None
    ) -> list[Instance]:
        """All of a study or series, in order. Raises NotFound when there are none."""
        with self.database.reading() as db:
            if series_instance_uid is None:
                found = instances.of_study(db, scope, study_instance_uid)
            else:
                found = instances.of_series(db, scope, study_instance_uid, series_instance_uid)
        if not found:
            raise NotFound(f"there is no study {study_instance_uid}, or no such series in it")
        return found

    def series(self, scope: Scope, study_instance_uid: str) -> list[Series]:
        """The series of a study, in order. Raises NotFound when there are none."""
        with self.database.reading() as db:
            found = instances.series_of(db, scope, study_instance_uid)
        if not found:
            raise NotFound(f"there is no study {study_instance_uid}")
        return found

    def open(self, instance: Instance) -> BinaryIO:
        """The stored object as a stream; the caller closes it."""
        return self.objects.open(frames.sound(instance))

    def bytes_of(self, instance: Instance, offset: int = 0, length: int | None = None) -> bytes:
        """The stored object, or a range of it."""
        return self.objects.get(frames.sound(instance), offset, length)

    def local_path(self, instance: Instance) -> Path | None:
        """The file of the stored object, where there is one on this machine."""
        return self.objects.local_path(frames.sound(instance))

    def header(self, instance: Instance) -> bytes:
        """The dataset before Pixel Data, encoded in the instance's transfer syntax; inflated when it is deflated."""
        return frames.header_of(self.objects, instance)

    def frame(self, instance: Instance, number: int) -> Frame:
        """Frame `number`, from 1, as it is stored."""
        return frames.frame_of(self.objects, instance, number)

    def frame_in(self, instance: Instance, number: int, transfer_syntax: str) -> bytes:
        """Frame `number`, from 1, in a transfer syntax: as it is stored where that is the same, else decoded or
        losslessly encoded in a codec process, and kept for the next one who asks."""
        stored = instance.facts.transfer_syntax_uid
        if frames.is_stored_as(stored, transfer_syntax):
            return self.frame(instance, number).data
        if self._encodings is None or transfer_syntax in NATIVE:
            return self._encoded(instance, number, transfer_syntax)
        frames.sound(instance)
        kept = self._encodings.get(instance, number, transfer_syntax)
        if kept is None:
            kept = self._encoded(instance, number, transfer_syntax)
            self._encodings.put(instance, number, transfer_syntax, kept)
        return kept

    def _encoded(self, instance: Instance, number: int, transfer_syntax: str) -> bytes:
        header, frame = self.header(instance), self.frame(instance, number)
        if transfer_syntax in NATIVE:
            return self.codecs.decode(header, frame.transfer_syntax_uid, frame.data, number)
        return self.codecs.transcode_frame(header, frame.transfer_syntax_uid, frame.data, number, transfer_syntax)

    def preview(self, instance: Instance, number: int) -> Preview | None:
        """A small lossy picture of frame `number`, from 1, made once and kept; None where there is none, or where the
        frame itself is hardly larger."""
        frames.sound(instance)
        return previewing.preview_of(self.objects, self.codecs, self._encodings, instance, number)

    def forget(self, sha256: str) -> None:
        """Let go of what was made on demand of this object: it was purged."""
        if self._encodings is not None:
            self._encodings.forget(sha256)

    def frame_place(self, instance: Instance, number: int) -> Place | None:
        """Where frame `number`, from 1, lies in the stored object, when it lies there in one piece."""
        return frames.place_of(instance, number)

    def metadata(
        self, scope: Scope, study_instance_uid: str, series_instance_uid: str | None = None, sop_instance_uid: str = ""
    ) -> Metadata:
        """The metadata of a study, a series or one instance as gzipped DICOM JSON. Raises NotFound."""
        if series_instance_uid is not None and sop_instance_uid:
            key = InstanceKey(study_instance_uid, series_instance_uid, sop_instance_uid)
            return metadata.manifest_of(self.objects, [self.instance(scope, key)])
        parts = []
        for series in self.series(scope, study_instance_uid):
            uid = series.facts.series_instance_uid
            if series_instance_uid in (None, uid):
                kept = metadata.kept_manifest(self.objects, series)
                parts.append(kept or self._made_manifest(series.hospital_id, study_instance_uid, uid))
        if not parts:
            raise NotFound(f"there is no series {series_instance_uid}")
        return metadata.joined(parts)

    def rendered(
        self, instance: Instance, number: int, options: RenderOptions, presentation: Instance | None = None
    ) -> bytes:
        """Frame `number`, from 1, as a picture; as the presentation state wants it when one is given."""
        how = self.header(presentation) if presentation is not None else b""
        return picturing.picture_of(self.objects, self.codecs, instance, number, options, how)

    def thumbnail(self, scope: Scope, study_instance_uid: str, series_instance_uid: str | None = None) -> bytes:
        """A small JPEG of the middle image of a series, or of the first series of a study that has images."""
        for series in self.series(scope, study_instance_uid):
            uid = series.facts.series_instance_uid
            if series_instance_uid not in (None, uid):
                continue
            picture = self._kept_thumbnail(series)
            if picture is None:
                picture = self._made_thumbnail(self.instances(_of(series), study_instance_uid, uid))
                self._keep_again(series, picture)
            if picture is not None:
                return picture
        raise NotFound("there is nothing to show")

    def transcoded(self, instance: Instance, accepted: Collection[str]) -> tuple[BinaryIO, str]:
        """The object as a Part 10 stream in one of the `accepted` transfer syntaxes, and which one it is: as it is
        stored when that is accepted. Raises UnsupportedTransferSyntax when there is no way."""
        return transcode.transcoded(self.objects, self._codecs, instance, accepted, self.spool)

    def summarise(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> int:
        """Make and record the manifest and thumbnail of a series; the revision they cover, 0 when it is gone."""
        scope = Scope(frozenset({hospital_id}))
        with self.database.reading() as db:
            series = instances.series(db, scope, study_instance_uid, series_instance_uid)
            code = next(h.code for h in hospitals.every(db) if h.id == hospital_id)
        found = self.instances(scope, study_instance_uid, series_instance_uid)
        known = self.arriving.known(hospital_id, study_instance_uid, series_instance_uid) if self.arriving else {}
        manifest = metadata.manifest_of(self.objects, found, metadata.KEPT_LEVEL, known)
        manifest_key = self._keep(code, "manifest", manifest.gzip)
        picture = self._made_thumbnail(found)
        thumbnail_key = self._keep(code, "thumbnail", picture) if picture is not None else ""
        with self.database.writing() as db:
            newest = instances.set_series_summary(
                db, hospital_id, study_instance_uid, series_instance_uid, series.revision, manifest_key, thumbnail_key
            )
        replaced = ((series.manifest_key, manifest_key), (series.thumbnail_key, thumbnail_key)) if newest else ()
        for old, new in replaced:
            if old and old != new:
                self.objects.delete(old)
        return series.revision

    def _keep(self, hospital_code: str, kind: str, data: bytes) -> str:
        key = derived_key(hospital_code, kind, hashlib.sha256(data).hexdigest())
        return self.objects.put_bytes(key, data).key

    def _made_manifest(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> Metadata:
        scope = Scope(frozenset({hospital_id}))

        def make() -> Metadata:
            if self.arriving:
                joined = self.arriving.metadata(hospital_id, study_instance_uid, series_instance_uid)
                if joined is not None:
                    return joined
            return metadata.manifest_of(self.objects, self.instances(scope, study_instance_uid, series_instance_uid))

        return self._manifests.get((hospital_id, study_instance_uid, series_instance_uid), make)

    def _kept_thumbnail(self, series: Series) -> bytes | None:
        if not series.thumbnail_key:
            return None
        try:
            return self.objects.get(series.thumbnail_key)
        except ObjectMissing:
            return None

    def _keep_again(self, series: Series, picture: bytes | None) -> None:
        """A kept picture goes when another series that had the very same one changes; then it is put back."""
        key = series.thumbnail_key
        if key and picture is not None and key.endswith(hashlib.sha256(picture).hexdigest()):
            with suppress(StorageUnavailable):
                self.objects.put_bytes(key, picture)

    def _made_thumbnail(self, found: list[Instance]) -> bytes | None:
        """Of the middle image; when it cannot be decoded, of another. None when there is nothing to show."""
        images = [instance for instance in found if instance.facts.frames and instance.facts.rows]
        middle = len(images) // 2
        for instance in [*images[middle : middle + 1], *images[:1], *images[-1:]]:
            options = RenderOptions(rows=THUMBNAIL, columns=THUMBNAIL, quality=80)
            try:
                return self.rendered(instance, instance.facts.frames // 2 + 1, options)
            except (UndecodablePixels, UnsupportedTransferSyntax, InvalidInstance, ObjectCorrupt, ObjectMissing):
                continue
        return None


def _of(series: Series) -> Scope:
    """The hospital of the series alone: another one may have a study of the same UID."""
    return Scope(frozenset({series.hospital_id}))


def _read(incoming: Incoming) -> tuple[Description | None, str]:
    """What the object says, or why it cannot be said."""
    try:
        return describe_head(incoming.head, incoming.size) or describe(incoming.path), ""
    except InvalidInstance as error:
        return None, str(error)
    except StorageUnavailable:
        raise
    except OSError as error:  # the disk is at fault, not the object
        raise spool.said(error) from error
    except Exception as error:  # a mistake of ours must not lose what was sent: it is kept, and the mistake is seen
        log.exception("an object could not be described")
        return None, f"reading it failed ({type(error).__name__})"


def _check(description: Description, expect: Expected) -> None:
    for what, said, found in (
        ("SOP Class", expect.sop_class_uid, description.instance.sop_class_uid),
        ("SOP Instance", expect.sop_instance_uid, description.instance.sop_instance_uid),
        ("Study Instance", expect.study_instance_uid, description.study.study_instance_uid),
    ):
        if said and said != found:
            raise SopClassMismatch(f"the dataset has another {what} UID than the request")
