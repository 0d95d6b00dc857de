"""Consultations: asked, found by those who take part in them, and carried on by events.

An event takes the next number of its consultation while the row is locked, so numbers have no gaps and are seen in
their order: a reader who asks for all after n misses nothing.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict, NotFound
from storage.index import changes, schema
from storage.index.documents import images_in
from storage.index.rows import split
from storage.index.types import inserted, now_ms, upsert
from storage.model.consult import (
    ENDED,
    OPEN,
    Attachment,
    Consult,
    ConsultEvent,
    ConsultStudy,
    Kind,
    Named,
    NewEvent,
    Party,
    Question,
    Side,
    State,
)
from storage.model.work import ChangeKind

_CONSULT, _STUDY, _EVENT, _SEEN = schema.consult, schema.consult_study, schema.consult_event, schema.consult_seen
_ATTACHMENT = schema.consult_attachment
BOXES = ("to_me", "from_me", "waiting", "concluded")
FINISHED = (State.CONCLUDED, *sorted(ENDED))


def ask(db: Connection, question: Question, waits_for: Side) -> Consult:
    """A new consultation, without any event yet."""
    now = now_ms()
    row = {
        "code": secrets.token_urlsafe(12),
        "hospital_id": question.hospital_id,
        "requester_id": question.requester_id,
        "to_hospital_id": question.to_hospital_id,
        "to_user_id": question.to_user_id,
        "specialty": question.specialty,
        "state": State.ASKED.value,
        "waits_for": waits_for.value,
        "urgency": question.urgency,
        "due_at": question.due_at,
        "question_chips": json.dumps(question.chips),
        "question": question.text,
        "language": question.language,
        "anonymise": question.anonymise,
        "informed_how": question.informed_how,
        "informed_at": question.informed_at,
        "created_at": now,
        "changed_at": now,
    }
    made = db.execute(_CONSULT.insert().values(row).returning(_CONSULT)).one()
    for named in question.studies:
        name_study(db, int(made.id), named, shown=not question.anonymise)
    return _consult(made)


def name_study(db: Connection, consult_id: int, named: Named, *, shown: bool) -> None:
    """Name one more study, which is `shown` as it is, or later as a copy."""
    row: dict[str, Any] = {
        "consult_id": consult_id,
        "hospital_id": named.hospital_id,
        "study_instance_uid": named.study_instance_uid,
        "prior": named.prior,
        "expected": named.expected,
        "shown_hospital_id": named.hospital_id if shown else None,
        "shown_study_instance_uid": named.study_instance_uid if shown else None,
    }
    db.execute(upsert(db, _STUDY).values(row).on_conflict_do_nothing())


def show_copy(db: Connection, consult_id: int, named: Named, hospital_id: int, study_instance_uid: str) -> None:
    """From now on the side that is asked sees this de-identified copy of the study."""
    db.execute(
        _STUDY.update()
        .where(_STUDY.c.consult_id == consult_id, _STUDY.c.hospital_id == named.hospital_id)
        .where(_STUDY.c.study_instance_uid == named.study_instance_uid)
        .values(shown_hospital_id=hospital_id, shown_study_instance_uid=study_instance_uid)
    )


def get(db: Connection, code: str, party: Party, *, locked: bool = False) -> Consult:
    """The consultation of this code, for somebody who takes part; NotFound for everybody else. `locked` until the end
    of the transaction."""
    statement = sa.select(_CONSULT).where(_CONSULT.c.code == code, _taking_part(party))
    row = db.execute(statement.with_for_update() if locked else statement).first()
    if row is None:
        raise NotFound("there is no such consultation")
    return _consult(row)


def by_id(db: Connection, consult_id: int) -> Consult:
    """The consultation of this id, for our own work."""
    row = db.execute(sa.select(_CONSULT).where(_CONSULT.c.id == consult_id)).first()
    if row is None:
        raise NotFound("there is no such consultation")
    return _consult(row)


def asked_before(db: Connection, requester_id: int, client_id: str) -> Consult | None:
    """What this account has asked under this client id already."""
    first = sa.select(_EVENT.c.consult_id).where(_EVENT.c.client_id == client_id, _EVENT.c.sequence == 1)
    row = db.execute(
        sa.select(_CONSULT).where(_CONSULT.c.requester_id == requester_id, _CONSULT.c.id.in_(first))
    ).first()
    return None if row is None else _consult(row)


def box(db: Connection, party: Party, name: str, limit: int = 200) -> list[Consult]:
    """What lies in one box of the inbox: what is due first comes first, what is over with the newest first."""
    statement = sa.select(_CONSULT).where(_in_box(party, name))
    order = (_CONSULT.c.changed_at.desc(),) if name == "concluded" else (_CONSULT.c.due_at, _CONSULT.c.id)
    return [_consult(row) for row in db.execute(statement.order_by(*order).limit(limit))]


def counts(db: Connection, party: Party) -> dict[str, int]:
    """How many consultations lie in each box."""
    return {
        name: int(db.execute(sa.select(sa.func.count()).select_from(_CONSULT).where(_in_box(party, name))).scalar_one())
        for name in BOXES
    }


def about(db: Connection, party: Party, study_instance_uid: str, hospital_ids: Collection[int]) -> list[Consult]:
    """The consultations this party takes part in that show this study of one of these hospitals, newest first."""
    column = _STUDY.c
    own = sa.select(column.consult_id).where(
        column.study_instance_uid == study_instance_uid, column.hospital_id.in_(hospital_ids)
    )
    copy = sa.select(column.consult_id).where(
        column.shown_study_instance_uid == study_instance_uid, column.shown_hospital_id.in_(hospital_ids)
    )
    statement = sa.select(_CONSULT).where(_taking_part(party), _CONSULT.c.id.in_(own.union(copy)))
    return [_consult(row) for row in db.execute(statement.order_by(_CONSULT.c.id.desc()))]


def studies(db: Connection, consult_ids: Iterable[int]) -> dict[int, list[ConsultStudy]]:
    """The studies of these consultations, the one that is asked about first, then those before it."""
    found: dict[int, list[ConsultStudy]] = {consult_id: [] for consult_id in consult_ids}
    study, patient, shown = schema.study, schema.patient, schema.study.alias("shown")
    own = sa.and_(study.c.uid == _STUDY.c.study_instance_uid, study.c.hospital_id == _STUDY.c.hospital_id)
    copy = sa.and_(shown.c.uid == _STUDY.c.shown_study_instance_uid, shown.c.hospital_id == _STUDY.c.shown_hospital_id)
    statement = (
        sa.select(
            _STUDY,
            images_in(study).label("images"),
            images_in(shown).label("arrived"),
            study.c.modalities, study.c.study_date, study.c.description, study.c.received_at,
            patient.c.name, patient.c.sex, patient.c.birth_date,
        )
        .select_from(_STUDY.outerjoin(study, own).outerjoin(patient, patient.c.id == study.c.patient_id))
        .outerjoin(shown, copy)
        .where(_STUDY.c.consult_id.in_(found))
        .order_by(_STUDY.c.consult_id, _STUDY.c.prior, study.c.study_date.desc(), _STUDY.c.study_instance_uid)
    )  # fmt: skip
    for row in db.execute(statement):
        found[row.consult_id].append(_study(row))
    return found


def append(db: Connection, consult: Consult, event: NewEvent, change: Mapping[str, Any]) -> tuple[ConsultEvent, bool]:
    """Write an event down and change these columns of the consultation; the event, and whether it is news."""
    at = now_ms()
    db.execute(_CONSULT.update().where(_CONSULT.c.id == consult.id).values(changed_at=at))  # holds the row
    done = _events(db, _EVENT.c.consult_id == consult.id, _EVENT.c.client_id == event.client_id)
    if done:
        if (done[0].actor_id, done[0].guest, done[0].kind) != (event.actor_id, event.guest, event.kind):
            raise Conflict("this event is somebody else's")
        return done[0], False
    statement = _CONSULT.update().where(_CONSULT.c.id == consult.id)
    sequence = db.execute(
        statement.values(sequence=_CONSULT.c.sequence + 1, **change).returning(_CONSULT.c.sequence)
    ).scalar_one()
    row = {
        "consult_id": consult.id,
        "sequence": sequence,
        "client_id": event.client_id,
        "at": at,
        "actor_id": event.actor_id,
        "guest": event.guest,
        "hospital_id": event.hospital_id,
        "kind": event.kind.value,
        "body": event.body,
    }
    db.execute(_EVENT.insert().values(row))
    tell(db, consult, int(sequence))
    return _events(db, _EVENT.c.consult_id == consult.id, _EVENT.c.sequence == sequence)[0], True


def tell(db: Connection, consult: Consult, sequence: int) -> None:
    """Let those who take part hear that there is something new."""
    detail = {
        "code": consult.code,
        "sequence": sequence,
        "from": consult.hospital_id,
        "to": consult.to_hospital_id,
        "user": consult.to_user_id,
    }
    changes.append(db, consult.hospital_id, ChangeKind.CONSULT_CHANGED, detail=json.dumps(detail))


def events(db: Connection, consult_id: int, after: int = 0) -> list[ConsultEvent]:
    """What happened after event number `after`, in order."""
    return _events(db, _EVENT.c.consult_id == consult_id, _EVENT.c.sequence > after)


def set_seen(db: Connection, consult_id: int, user_id: int, sequence: int) -> bool:
    """Note how far somebody has read; it never goes back. Whether it is further than before."""
    statement = upsert(db, _SEEN).values(consult_id=consult_id, user_id=user_id, sequence=sequence)
    further = statement.on_conflict_do_update(
        index_elements=["consult_id", "user_id"],
        set_={"sequence": statement.excluded.sequence},
        where=_SEEN.c.sequence < statement.excluded.sequence,
    )
    return db.execute(further.returning(_SEEN.c.sequence)).first() is not None


def seen(db: Connection, consult_ids: Iterable[int], user_id: int) -> dict[int, int]:
    """How far this account has read in each of them."""
    rows = db.execute(sa.select(_SEEN).where(_SEEN.c.user_id == user_id, _SEEN.c.consult_id.in_(list(consult_ids))))
    return {row.consult_id: int(row.sequence) for row in rows}


def attach(db: Connection, attachment: Attachment) -> bool:
    """Note an attachment; False when it is there already."""
    return inserted(db, _ATTACHMENT, asdict(attachment))


def attachments(db: Connection, consult_id: int) -> list[Attachment]:
    """The attachments of a consultation, in the order they came."""
    rows = db.execute(sa.select(_ATTACHMENT).where(_ATTACHMENT.c.consult_id == consult_id).order_by(_ATTACHMENT.c.at))
    return [Attachment(**row._mapping) for row in rows]


def _taking_part(party: Party) -> "sa.ColumnElement[bool]":
    return sa.or_(_asking(party), _asked(party))


def _asking(party: Party) -> "sa.ColumnElement[bool]":
    return _CONSULT.c.hospital_id.in_(sorted(party.asks_at))


def _asked(party: Party) -> "sa.ColumnElement[bool]":
    """As `Consult.sides` has it."""
    column = _CONSULT.c
    hospital = sa.and_(column.to_user_id.is_(None), column.to_hospital_id.in_(sorted(party.answers_at)))
    return sa.or_(column.to_user_id == party.user_id, hospital)


def _in_box(party: Party, name: str) -> "sa.ColumnElement[bool]":
    column = _CONSULT.c
    unfinished = column.state.in_([state.value for state in OPEN])
    if name == "to_me":
        return sa.and_(_asked(party), unfinished)
    if name == "from_me":
        return sa.and_(_asking(party), unfinished)
    if name == "waiting":
        mine = sa.and_(_asked(party), column.waits_for == Side.TO.value)
        return sa.or_(mine, sa.and_(_asking(party), column.waits_for == Side.FROM.value))
    return sa.and_(_taking_part(party), column.state.in_([state.value for state in FINISHED]))


def _events(db: Connection, *conditions: "sa.ColumnElement[bool]") -> list[ConsultEvent]:
    user = schema.user.c
    statement = (
        sa.select(_EVENT, user.display_name, user.name)
        .select_from(_EVENT.outerjoin(schema.user, user.id == _EVENT.c.actor_id))
        .where(*conditions)
        .order_by(_EVENT.c.sequence)
    )
    return [
        ConsultEvent(
            consult_id=row.consult_id,
            sequence=int(row.sequence),
            client_id=row.client_id,
            at=int(row.at),
            kind=Kind(row.kind),
            body=json.loads(row.body),
            actor_id=row.actor_id,
            actor=row.display_name or row.name or row.guest,
            guest=row.guest,
            hospital_id=row.hospital_id,
        )
        for row in db.execute(statement)
    ]


def _consult(row: Any) -> Consult:
    given = dict(row._mapping)
    chips = tuple(json.loads(given.pop("question_chips")))
    return Consult(**{**given, "state": State(given["state"])}, chips=chips)


def _study(row: Any) -> ConsultStudy:
    return ConsultStudy(
        consult_id=row.consult_id,
        hospital_id=row.hospital_id,
        study_instance_uid=row.study_instance_uid,
        prior=row.prior,
        expected=int(row.expected),
        shown_hospital_id=row.shown_hospital_id,
        shown_study_instance_uid=row.shown_study_instance_uid,
        images=int(row.images),
        arrived=int(row.arrived),
        modalities=split(row.modalities or ""),
        study_date=row.study_date or None,
        description=row.description or "",
        patient_name=row.name or "",
        patient_sex=row.sex or "",
        birth_date=row.birth_date,
        received_at=row.received_at,
    )
