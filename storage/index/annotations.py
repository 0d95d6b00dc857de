"""Annotations of a study: acts are added, and read as what they left.

Sequences have no gaps and are seen in their order: number n + 1 can only be taken by who sees n committed, so a reader
that asks for all after n misses nothing.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict, NotPermitted
from storage.index import changes, schema
from storage.index.types import insert_new, now_ms
from storage.model.annotation import Act, ActKind, Annotation, Author
from storage.model.work import ChangeKind

_EVENT = schema.annotation_event
_FIRST = _EVENT.alias("first")
_USER = schema.user


def add(db: Connection, hospital_id: int, study_instance_uid: str, author: Author, act: Act) -> tuple[Annotation, bool]:
    """Write an act down; the annotation as it is then, and whether that is news: the same act again changes nothing.

    Raises Conflict when the version is not the next one, NotPermitted when the annotation is somebody else's.
    """
    at = now_ms()
    while True:
        done = _done(db, hospital_id, study_instance_uid, act.client_id)
        if done is not None:
            if not done.author.is_same(author):
                raise Conflict("this act is somebody else's")
            return done, False
        before = get(db, hospital_id, study_instance_uid, act.annotation_id)
        if before is None and act.kind is not ActKind.PUT:
            raise Conflict("there is no such annotation yet")
        if before is not None and not before.author.is_same(author):
            raise NotPermitted("only who drew an annotation changes it")
        if act.version != (before.version if before else 0) + 1:
            raise Conflict(f"the annotation is at version {before.version if before else 0}")
        row = {
            "hospital_id": hospital_id,
            "study_instance_uid": study_instance_uid,
            "sequence": last(db, hospital_id, study_instance_uid) + 1,
            "annotation_id": act.annotation_id,
            "version": act.version,
            "client_id": act.client_id,
            "kind": act.kind.value,
            "author_id": author.user_id,
            "guest": author.guest,
            "consult_id": act.consult_id,
            "at": at,
            # What is deleted keeps its last words, so that the newest act alone says what there is to restore.
            "body": act.body if act.kind is ActKind.PUT or before is None else before.body,
        }
        # Somebody else may have taken the sequence meanwhile: then look again.
        if db.execute(insert_new(db, _EVENT).values(row).returning(_EVENT.c.sequence)).first() is not None:
            break
    tell(db, hospital_id, study_instance_uid)
    now = get(db, hospital_id, study_instance_uid, act.annotation_id)
    assert now is not None
    return now, True


def tell(db: Connection, hospital_id: int, study_instance_uid: str) -> None:
    """Let those who look at this study hear that there is something new on it."""
    changes.append(db, hospital_id, ChangeKind.ANNOTATED, study_instance_uid=study_instance_uid)


def last(db: Connection, hospital_id: int, study_instance_uid: str) -> int:
    """The sequence of the study's newest act; 0 when there is none."""
    newest = sa.select(sa.func.max(_EVENT.c.sequence)).where(*_of(hospital_id, study_instance_uid))
    return int(db.execute(newest).scalar() or 0)


def get(db: Connection, hospital_id: int, study_instance_uid: str, annotation_id: str) -> Annotation | None:
    """The annotation as its newest act left it; None when there is none of this id."""
    chosen = _states().where(*_of(hospital_id, study_instance_uid), _EVENT.c.annotation_id == annotation_id)
    row = db.execute(chosen.order_by(_EVENT.c.version.desc()).limit(1)).first()
    return None if row is None else _annotation(row)


def after(
    db: Connection, hospital_id: int, study_instance_uid: str, sequence: int, consults: frozenset[int] | None = None
) -> list[Annotation]:
    """The annotations whose newest act comes after `sequence`, in the order of those acts; with `consults` only those
    that these consultations share."""
    later = _EVENT.alias("later")
    newest = (
        sa.select(sa.func.max(later.c.version))
        .where(*_of(hospital_id, study_instance_uid, later), later.c.annotation_id == _EVENT.c.annotation_id)
        .scalar_subquery()
    )
    chosen = _states().where(
        *_of(hospital_id, study_instance_uid), _EVENT.c.sequence > sequence, _EVENT.c.version == newest
    )
    if consults is not None:
        chosen = chosen.where(_EVENT.c.consult_id.in_(sorted(consults)))
    return [_annotation(row) for row in db.execute(chosen.order_by(_EVENT.c.sequence))]


def _done(db: Connection, hospital_id: int, study_instance_uid: str, client_id: str) -> Annotation | None:
    chosen = _states().where(*_of(hospital_id, study_instance_uid), _EVENT.c.client_id == client_id)
    row = db.execute(chosen).first()
    return None if row is None else _annotation(row)


def _of(hospital_id: int, study: str, table: "sa.FromClause" = _EVENT) -> tuple["sa.ColumnElement[bool]", ...]:
    return table.c.hospital_id == hospital_id, table.c.study_instance_uid == study


def _states() -> "sa.Select[Any]":
    """Acts with the time of the annotation's first one and the author's names."""
    first = sa.and_(
        _FIRST.c.hospital_id == _EVENT.c.hospital_id,
        _FIRST.c.study_instance_uid == _EVENT.c.study_instance_uid,
        _FIRST.c.annotation_id == _EVENT.c.annotation_id,
        _FIRST.c.version == 1,
    )
    tables = _EVENT.join(_FIRST, first).outerjoin(_USER, _USER.c.id == _EVENT.c.author_id)
    return sa.select(
        _EVENT, _FIRST.c.at.label("created_at"), _USER.c.display_name, _USER.c.name.label("user_name")
    ).select_from(tables)


def _annotation(row: Any) -> Annotation:
    return Annotation(
        sequence=int(row.sequence),
        annotation_id=row.annotation_id,
        version=int(row.version),
        kind=ActKind(row.kind),
        author=Author(row.author_id, row.guest, row.display_name or row.user_name or row.guest),
        created_at=int(row.created_at),
        at=int(row.at),
        consult_id=row.consult_id,
        body=row.body,
        client_id=row.client_id,
    )
