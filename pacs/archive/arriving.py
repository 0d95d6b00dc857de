"""Metadata of a series that is arriving: texts are made ahead while it does, and joined when somebody asks."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence

from pacs.archive import members, pieces
from pacs.archive.announcing import announce_headers
from pacs.archive.frames import opened_header
from pacs.archive.metadata import BULK_ROOT, Metadata, instance_text
from pacs.archive.pieces import Piece, Pieces
from pacs.instance_text import InstanceTexts
from storage.errors import NotFound
from storage.index import adding, instances
from storage.index.database import Database
from storage.model.archive import Instance
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

_SERIES_AT_ONCE = 8  # whose repeated elements are remembered
_LARGEST_AHEAD = 1 << 20  # bytes of a text that is made ahead


class Arriving:
    """Makes and joins pieces. What is made ahead is made by one thread of a process; threads may share the rest."""

    def __init__(self, database: Database, objects: ObjectStore, kept: Pieces) -> None:
        self._database = database
        self._objects = objects
        self._kept = kept
        self._texts: OrderedDict[tuple[int, str, str], InstanceTexts] = OrderedDict()

    def ahead(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str, uids: Sequence[str]) -> int:
        """Make the texts of these instances, which were just stored; how many there are."""
        with self._database.reading() as db:
            found = list(adding.known_instances(db, [hospital_id], uids).values())
        announce_headers(self._objects, found)
        named = []
        texts = self._texts_of((hospital_id, study_instance_uid, series_instance_uid))
        for instance in sorted(found, key=_order):
            if (instance.key.study_instance_uid, instance.key.series_instance_uid) != (
                study_instance_uid, series_instance_uid
            ):  # fmt: skip
                continue
            try:
                with opened_header(self._objects, instance) as header:
                    text = texts.text(instance, header, BULK_ROOT)
            except Exception as error:  # whoever asks for it is told what is wrong with it
                log.debug("no metadata made ahead: %s", type(error).__name__)
                continue
            if len(text) <= _LARGEST_AHEAD:
                named.append((bytes.fromhex(instance.stored.sha256), text))
        if named:
            self._kept.add(hospital_id, study_instance_uid, series_instance_uid, named)
        return len(named)

    def metadata(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> Metadata | None:
        """The metadata of a series; None when nothing of it was made ahead, or when it changes just now."""
        made = self._kept.of(hospital_id, study_instance_uid, series_instance_uid)
        if not made:
            return None
        with self._database.reading() as db:
            listed = instances.listed(db, hospital_id, study_instance_uid, series_instance_uid)
        names = [None if damage else name for _, name, damage in listed]
        try:
            parts = pieces.arranged(names, made, lambda at: self._fresh(hospital_id, [listed[one] for one in at]))
        except NotFound:
            return None
        said = b"".join(hashlib.sha256(part).digest() if isinstance(part, bytes) else part.digest for part in parts)

        def written() -> bytes:
            plain = self._kept.plain(hospital_id, study_instance_uid, series_instance_uid)
            text: list[bytes | memoryview] = [b"["]
            for part in parts:
                text += (part if isinstance(part, bytes) else part.plain(plain), b",")
            return b"".join((*text[:-1], b"]"))

        return Metadata(hashlib.sha256(said).hexdigest()[:32], len(listed), lambda: _packed(parts), written)

    def known(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> dict[str, bytes]:
        """The texts that were made ahead, by the SHA-256 of their objects."""
        found: dict[str, bytes] = {}
        for piece in self._kept.of(hospital_id, study_instance_uid, series_instance_uid):
            found |= {name.hex(): text for name, text in piece.texts().items()}
        return found

    def sweep(self) -> int:
        """Remove what is no longer needed; how many series it was."""
        return self._kept.sweep()

    def _fresh(self, hospital_id: int, wanted: Sequence[instances.Listed]) -> list[bytes]:
        """Texts from the headers. Raises NotFound when one of these instances is no longer what it was."""
        with self._database.reading() as db:
            found = adding.known_instances(db, [hospital_id], [one.uid for one in wanted])
        announce_headers(self._objects, found.values())
        texts, made = InstanceTexts(len(wanted)), []
        for one in wanted:
            instance = found.get((hospital_id, one.uid))
            if instance is None or instance.stored.sha256 != one.sha256.hex():
                raise NotFound("an instance changed while the metadata was made")
            made.append(instance_text(self._objects, instance, texts))
        return made

    def _texts_of(self, series: tuple[int, str, str]) -> InstanceTexts:
        texts = self._texts.setdefault(series, InstanceTexts())
        self._texts.move_to_end(series)
        while len(self._texts) > _SERIES_AT_ONCE:
            self._texts.popitem(last=False)
        return texts


def _packed(parts: Sequence[Piece | bytes]) -> bytes:
    return members.array([members.deflated(part) if isinstance(part, bytes) else part.text for part in parts])


def _order(instance: Instance) -> tuple[int, str]:
    number = instance.facts.number
    return (1 << 40 if number is None else number, instance.key.sop_instance_uid)
