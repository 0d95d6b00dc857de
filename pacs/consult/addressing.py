"""Whom a consultation can be put to: hospitals where somebody answers, and the people who do."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from pacs.errors import InvalidConsult
from storage.errors import NotFound
from storage.index import accounts, hospitals, invitations
from storage.index.database import Connection
from storage.model.grants import Grantee
from storage.model.people import User

ANSWERING = frozenset({"radiologist", "expert"})  # as viewer/access/rights.py has it; a test compares
EXPERT = "expert"
_EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,62}[A-Za-z0-9]@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}", re.ASCII
)


def addressees(db: Connection, own: Iterable[int]) -> list[dict[str, Any]]:
    """Hospitals in which somebody answers, those of the caller first, with the people and what they are for. Who was
    invited is known to the hospital that invited them."""
    mine, people = frozenset(own), [user for user in accounts.users(db) if not user.disabled]
    found = []
    for hospital in sorted(hospitals.all(db), key=lambda one: (one.id not in mine, one.name, one.id)):
        here = [user for user in people if _answers(user, hospital.id) and (not user.invited or hospital.id in mine)]
        if here:
            theirs = {specialty for user in here if not user.invited for specialty in user.specialties}
            found.append(
                {
                    "code": hospital.code,
                    "name": hospital.name,
                    "own": hospital.id in mine,
                    "answers": any(not user.invited for user in here),
                    "specialties": sorted(theirs),
                    "people": [_person(user) for user in here],
                }
            )
    return found


def resolve(db: Connection, to: Mapping[str, Any], hospital_id: int, requester_id: int) -> Grantee:
    """Whom a request names: ``{"hospital": code}``, ``{"person": id}`` or
    ``{"invite": {"email", "name", "language"}}``; `hospital_id` is the hospital that asks. Raises InvalidConsult and
    NotFound."""
    if len(to) != 1:
        raise InvalidConsult("to must name a hospital, a person or somebody to invite")
    ((kind, value),) = to.items()
    if kind == "hospital" and isinstance(value, str):
        found = next((one for one in hospitals.all(db) if one.code == value), None)
        if found is None or not any(_answers(user, found.id) for user in accounts.users(db)):
            raise NotFound("there is no such hospital to ask")
        return Grantee(hospital_id=found.id)
    if kind == "person" and isinstance(value, int) and not isinstance(value, bool):
        person = next((one for one in accounts.users(db) if one.id == value and not one.disabled), None)
        known = person is not None and any(role in ANSWERING for _, role in person.roles)
        if person is None or not known or (person.invited and (hospital_id, EXPERT) not in person.roles):
            raise NotFound("there is no such person to ask")
        if person.id == requester_id:
            raise InvalidConsult("ask somebody else than yourself")
        return Grantee(user_id=person.id)
    if kind == "invite" and isinstance(value, dict):
        return Grantee(user_id=_invited(db, value, hospital_id, requester_id).id)
    raise InvalidConsult("to must name a hospital, a person or somebody to invite")


def email_of(value: object) -> str:
    """An e-mail address in the form we take; raises InvalidConsult."""
    if not isinstance(value, str) or len(value) > 254 or _EMAIL.fullmatch(value.strip()) is None:
        raise InvalidConsult("this is not an e-mail address")
    return value.strip().lower()


def _invited(db: Connection, given: Mapping[str, Any], hospital_id: int, requester_id: int) -> User:
    """The account behind an invitation: a new one without a password, or the one that was invited before."""
    email, language = email_of(given.get("email")), given.get("language", "en")
    name = given.get("name", "")
    if not isinstance(name, str) or language not in ("vi", "en"):
        raise InvalidConsult("an invitation has an email, a name and a language")
    name = " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name)).split())[:128]
    known = next((user for user in accounts.users(db) if user.email == email and user.invited), None)
    if known is not None and known.disabled:
        raise InvalidConsult("this person's account is closed")
    if known is None:
        known = accounts.add_user(
            db, email, name or email, "", language=language, roles=[(hospital_id, EXPERT)], email=email, invited=True
        )
    elif (hospital_id, EXPERT) not in known.roles:
        accounts.set_roles(db, known.id, [*known.roles, (hospital_id, EXPERT)])
    invitations.invite(db, known.id, hospital_id, requester_id)
    return known


def _answers(user: User, hospital_id: int) -> bool:
    return any(where == hospital_id and role in ANSWERING for where, role in user.roles)


def _person(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.display_name or user.name,
        "specialties": list(user.specialties),
        "invited": user.invited,
        "came": not user.awaited,
    }
