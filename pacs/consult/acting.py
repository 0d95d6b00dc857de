"""Asking and acting: the rules, the rows and what follows from them, in one transaction.

The studies named are granted to the side that is asked in the same moment; an anonymised consultation grants copies,
which the worker makes (pacs/sharing.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pacs import sharing
from pacs.consult import bodies, notices, rules
from pacs.consult.vocabulary import BY_CODE
from pacs.errors import InvalidConsult
from storage.errors import NotFound
from storage.index import audit, consults, grants, instances, links, tasks
from storage.index.database import Connection, Database
from storage.index.types import now_ms
from storage.model.archive import Scope
from storage.model.audit import Actor
from storage.model.consult import AFTER_CLOSING_MS, Consult, ConsultEvent, Kind, Named, NewEvent, Party, Question, Side
from storage.model.grants import Grantee

COPY = "anonymise consultation"  # the task that makes the copies; its argument `consult` is the id
MOST_STUDIES = 20
DAY_MS = 24 * 3600 * 1000
MOST_CHIPS = 12
LATEST_MS = 60 * DAY_MS  # how far away a deadline may be


def question_of(given: Mapping[str, Any], now: int) -> Question:
    """What is asked, from the fields of a request but for who asks whom about what. Raises InvalidConsult."""
    chips = given.get("chips", [])
    if not isinstance(chips, list) or len(chips) > MOST_CHIPS:
        raise InvalidConsult(f"chips must be a list of at most {MOST_CHIPS}")
    for chip in chips:
        if chip not in BY_CODE["chips"]:
            raise InvalidConsult("chips must be codes of the vocabulary")
    text = bodies.text(given, "question")
    if not chips and not text:
        raise InvalidConsult("a consultation needs a question")
    due_at, informed_at = _instant(given, "due_at"), _instant(given, "informed_at")
    if due_at is None or not now < due_at <= now + LATEST_MS:
        raise InvalidConsult("due_at must be an instant within the next 60 days")
    if informed_at is not None and informed_at > now + DAY_MS:
        raise InvalidConsult("informed_at must be an instant that is past")
    return Question(
        hospital_id=0,
        requester_id=0,
        to_hospital_id=None,
        to_user_id=None,
        specialty=bodies.code(given, "specialty", "specialties", ""),
        urgency=bodies.code(given, "urgency", "urgencies"),
        due_at=due_at,
        chips=tuple(dict.fromkeys(chips)),
        text=text,
        language=bodies.language(given),
        anonymise=given.get("anonymise") is True,
        informed_how=bodies.code(given, "informed_how", "informed"),
        informed_at=informed_at,
        studies=(),
    )


def ask(
    db: Connection,
    question: Question,
    study_instance_uids: Sequence[str],
    client_id: str,
    actor: Actor,
    key_images: Sequence[Any] = (),
) -> tuple[Consult, ConsultEvent]:
    """Ask about the first of these studies of the asking hospital; the others are priors. Raises NotFound."""
    uids = list(dict.fromkeys(study_instance_uids))
    if not uids or len(uids) > MOST_STUDIES:
        raise InvalidConsult(f"a consultation names 1 to {MOST_STUDIES} studies")
    own = Scope(frozenset({question.hospital_id}))
    found = [instances.study(db, own, uid) for uid in uids]
    named = tuple(
        Named(one.hospital_id, one.facts.study_instance_uid, prior=place > 0, expected=one.images)
        for place, one in enumerate(found)
    )
    made = consults.ask(db, replace(question, studies=named), Side.TO)
    show(db, made)
    kept: dict[str, Any] = {"chips": list(question.chips), "text": question.text, "language": question.language}
    if key_images:
        kept["images"] = list(key_images)
    event = NewEvent(client_id, Kind.ASKED, _json(kept), question.requester_id, question.hospital_id)
    _check_references(db, made, Kind.ASKED, kept)
    note(db, made, Kind.ASKED, actor, studies=[one.study_instance_uid for one in named], to_user=question.to_user_id)
    written, _ = consults.append(db, made, event, {})
    notices.follow(db, made, Kind.ASKED, written.sequence, question.requester_id)
    return consults.by_id(db, made.id), written


def act(
    database: Database, party: Party, code: str, kind: Kind, given: object, client_id: str, actor: Actor
) -> tuple[Consult, ConsultEvent, bool]:
    """Do something in a consultation; it as it is then, the event, and whether this is news (the same `client_id`
    again is not). Raises NotFound for who takes no part, NotPermitted, Conflict and InvalidConsult."""
    body = bodies.body_of(kind, given)

    def acted(db: Connection) -> tuple[Consult, ConsultEvent, bool]:
        consult = consults.get(db, code, party, locked=True)
        done = [one for one in consults.events(db, consult.id) if one.client_id == client_id]
        if done and (done[0].actor_id, done[0].kind) == (party.user_id, kind):
            return consult, done[0], False
        side = rules.check(consult, party, kind)
        _check_references(db, consult, kind, body)
        change = rules.changed(consult, kind, side, body, now_ms())
        event = NewEvent(client_id, kind, _json(body), party.user_id, spoken_for(consult, side))
        written, new = consults.append(db, consult, event, change)
        consult = consults.by_id(db, consult.id)
        _follow(db, consult, kind)
        note(db, consult, kind, actor)
        notices.follow(db, consult, kind, written.sequence, party.user_id)
        consults.set_seen(db, consult.id, party.user_id, written.sequence)
        return consult, written, new

    return database.transact(acted)


def spoken_for(consult: Consult, side: Side) -> int | None:
    """The hospital an act on this side is for; None for a person who is asked alone."""
    return consult.hospital_id if side is Side.FROM else consult.to_hospital_id


def show(db: Connection, consult: Consult) -> None:
    """Let the side that is asked see the studies, or ask for the copies it is to see (task COPY)."""
    if consult.anonymise:
        tasks.enqueue(db, COPY, {"consult": consult.id}, key=f"{COPY} {consult.id}")
        return
    for one in consults.studies(db, [consult.id])[consult.id]:
        _grant(db, consult, one.hospital_id, one.study_instance_uid)


def show_copy(db: Connection, consult: Consult, named: Named, hospital_id: int, study_instance_uid: str) -> None:
    """The copy of a study is there: let the side that is asked see it."""
    consults.show_copy(db, consult.id, named, hospital_id, study_instance_uid)
    _grant(db, consult, hospital_id, study_instance_uid)
    consults.tell(db, consult, consult.sequence)


def _grant(db: Connection, consult: Consult, hospital_id: int, study_instance_uid: str) -> None:
    grants.give(db, hospital_id, study_instance_uid, _grantee(consult), consult_id=consult.id)


def _grantee(consult: Consult) -> Grantee:
    """The side that is asked."""
    if consult.to_user_id is not None:
        return Grantee(user_id=consult.to_user_id)
    return Grantee(hospital_id=consult.to_hospital_id)


def _follow(db: Connection, consult: Consult, kind: Kind) -> None:
    """What the act means for what the other side sees."""
    if kind in (Kind.WITHDRAWN, Kind.REVOKED):
        _hide(db, consult)
    elif kind is Kind.CLOSED and consult.closed_at is not None:
        grants.limit(db, consult.id, consult.closed_at + AFTER_CLOSING_MS)
    elif kind is Kind.REOPENED:
        _hide(db, consult)
        show(db, consult)


def _hide(db: Connection, consult: Consult) -> None:
    """End what the side that is asked sees, copies included."""
    grants.revoke(db, consult_id=consult.id)
    copies = links.of_consult(db, consult.id)
    if copies is not None:
        sharing.end(db, copies.id, now_ms())


def note(db: Connection, consult: Consult, action: str, actor: Actor, **detail: Any) -> None:
    """Note what was done in the log of the hospital that asked, and of the one that was asked."""
    concerned = (
        {consult.hospital_id} if consult.to_hospital_id is None else {consult.hospital_id, consult.to_hospital_id}
    )
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    audit.note(db, actor, concerned, f"consult.{action}", consult.code, detail=text)


def _check_references(db: Connection, consult: Consult, kind: Kind, body: Mapping[str, Any]) -> None:
    """Images are of studies the consultation shows; a translation is of something that was said."""
    named = consults.studies(db, [consult.id])[consult.id]
    known = {uid for one in named for uid in (one.study_instance_uid, one.shown_study_instance_uid)}
    if any(image["study_instance_uid"] not in known for image in body.get("images", ())):
        raise NotFound("there is no such image in this consultation")
    if kind is Kind.TRANSLATION and not any(
        one.sequence == body["of"] and one.kind in TRANSLATED for one in consults.events(db, consult.id)
    ):
        raise NotFound("there is nothing to translate under this number")


TRANSLATED = frozenset({Kind.ASKED, Kind.OPINION, Kind.MESSAGE, Kind.CONCLUDED, Kind.ADDENDUM})


def _instant(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 52:
        raise InvalidConsult(f"{name} must be UTC milliseconds")
    return value


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
