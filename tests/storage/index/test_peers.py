"""Peers and refusals."""

import pytest

from storage.errors import Conflict, NotFound
from storage.index import changes, peers
from storage.index.database import Database
from storage.model.archive import Hospital
from storage.model.people import Peer
from storage.model.work import ChangeKind


def _peer(hospital: Hospital, **more: object) -> Peer:
    values: dict[str, object] = {"host": "10.0.0.0/24", "port": None, "allow": frozenset({"store"})} | more
    return Peer("CT1", hospital.id, hospital.code, **values)  # type: ignore[arg-type]


def test_a_peer_is_added_changed_and_removed(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        made = peers.add(db, _peer(hospital))
        assert made.created_at > 0
        assert (made.hospital_code, made.allow, made.port) == ("bach-mai", frozenset({"store"}), None)
        with pytest.raises(Conflict):
            peers.add(db, _peer(hospital))
        changed = peers.update(db, _peer(hospital, port=104, allow=frozenset({"query", "retrieve"})))
        assert changed == peers.get(db, "CT1")
        assert (changed.port, changed.allow, changed.created_at) == (
            104, frozenset({"query", "retrieve"}), made.created_at,
        )  # fmt: skip
        peers.touch(db, "CT1", at=5)
        peers.touch(db, "CT1", stored=True, at=6)
        assert (peers.all(db)[0].last_association_at, peers.all(db)[0].last_stored_at) == (6, 6)
        peers.remove(db, "CT1")
        assert peers.all(db) == []


def test_an_unknown_peer_is_not_found(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        for action in (peers.get, peers.remove):
            with pytest.raises(NotFound):
                action(db, "CT1")
        with pytest.raises(NotFound):
            peers.update(db, _peer(hospital))


def test_refusals_are_counted(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        for at in (1, 2, 3):
            peers.refused(db, "MR9\x00", "HOICHAN", "10.0.0.9", "unknown peer", frozenset({hospital.id}), at=at)
        peers.refused(db, "MR9", "OTHER", "10.0.0.8", "wrong AE title", at=4)
    with database.writing() as db:
        listed = peers.refusals(db)
        assert [(one.called_ae_title, one.count, one.first_at, one.last_at) for one in listed] == [
            ("OTHER", 1, 4, 4), ("HOICHAN", 3, 1, 3),
        ]  # fmt: skip
        assert [line.kind for line in changes.after(db, 0)] == [ChangeKind.ASSOCIATION_REFUSED] * 3
        assert peers.forget_refusals(db, "MR9", "10.0.0.9") == 1
        assert peers.forget_refusals(db, "MR9") == 1
