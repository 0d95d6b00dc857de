"""What a link may be: bounds on what its maker asks for, and how links and guests are told to pages."""

from collections.abc import Mapping, Sequence
from secrets import randbelow, token_urlsafe
from typing import Any

from pacs.deidentify.profile import REMOVED, SHIFTED
from storage.index import instances, links
from storage.index.database import Connection
from storage.model.archive import Scope
from storage.model.links import Guest, LinkTerms, SharedSeries, ShareLink
from viewer.access.accounts import check_display_name
from viewer.display import clean
from viewer.errors import InvalidRequest

DAYS, MOST_DAYS = 7, 30
OPENS, MOST_OPENS = 20, 200
MOST_STUDIES = 20
LONGEST = 400
PIN_DIGITS = 6
DAY_MS = 86_400_000


def new_code() -> str:
    """The public name of a link: 128 random bits, no secret."""
    return token_urlsafe(16)


def new_pin() -> str:
    """Six digits for another channel than the link's."""
    return f"{randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def terms_of(given: Mapping[str, Any], hospital_id: int, maker_id: int, now: int) -> LinkTerms:
    """What was asked for, or InvalidRequest."""
    purpose = check_text(given.get("purpose", ""), "purpose")
    if not purpose:
        raise InvalidRequest("say what the link is for: purpose")
    dates = given.get("dates", REMOVED)
    if dates not in (REMOVED, SHIFTED):
        raise InvalidRequest(f"dates must be {REMOVED} or {SHIFTED}")
    return LinkTerms(
        hospital_id=hospital_id,
        maker_id=maker_id,
        purpose=purpose,
        recipient=check_text(given.get("recipient", ""), "recipient"),
        expires_at=now + _within(given.get("days", DAYS), 1, MOST_DAYS, "days") * DAY_MS,
        max_opens=_within(given.get("max_opens", OPENS), 1, MOST_OPENS, "max_opens"),
        download=bool(given.get("download", False)),
        anonymise=bool(given.get("anonymise", True)),
        dates=dates,
        characteristics=bool(given.get("characteristics", False)),
    )


def studies_of(given: Sequence[Any]) -> list[str]:
    """The UIDs that are to be shown, or InvalidRequest."""
    if not 1 <= len(given) <= MOST_STUDIES or not all(isinstance(uid, str) for uid in given):
        raise InvalidRequest(f"studies must be 1 to {MOST_STUDIES} Study Instance UIDs")
    return [str(uid) for uid in given]


def check_text(text: str, what: str) -> str:
    """Text of one line without control characters, or InvalidRequest."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > LONGEST:
        raise InvalidRequest(f"{what} has at most {LONGEST} characters")
    return line


def check_guest(name: str, institution: str) -> tuple[str, str]:
    """What a guest says they are, or InvalidRequest."""
    name, institution = check_display_name(name), check_display_name(institution)
    if len(name) < 2 or len(institution) < 2:
        raise InvalidRequest("say who you are and where you work: name and institution")
    return name, institution


def state_of(link: ShareLink, now: int) -> str:
    """One word for how a link stands."""
    if link.locked_at is not None:
        return "locked"
    if now >= link.terms.expires_at:
        return "expired"
    if link.revoked_at is not None:
        return "revoked"
    return "spent" if link.opens >= link.terms.max_opens else link.state


def told(link: ShareLink, now: int, studies: int, consult: str = "") -> dict[str, Any]:
    """A link as lists of links show it; nothing of a patient: copies for a consultation are named by its code, not by
    what is asked."""
    terms = link.terms
    return {
        "id": link.id,
        "purpose": terms.purpose if terms.consult_id is None else "",
        "recipient": terms.recipient,
        "created_at": link.created_at,
        "expires_at": terms.expires_at,
        "max_opens": terms.max_opens,
        "opens": link.opens,
        "download": terms.download,
        "anonymise": terms.anonymise,
        "dates": terms.dates,
        "characteristics": terms.characteristics,
        "state": state_of(link, now),
        "in_force": link.stands(now),
        "consult": consult,
        "studies": studies,
        "images": {"done": link.done, "total": link.total, "left": link.left},
    }


def names_of(db: Connection, link: ShareLink) -> dict[str, tuple[str, str]]:
    """Modality and description of the series a link shows, by UID."""
    scope, named = Scope(frozenset({link.terms.hospital_id})), dict[str, tuple[str, str]]()
    for study in links.studies(db, link.id):
        for one in instances.series_of(db, scope, study.study_instance_uid):
            named[one.facts.series_instance_uid] = (clean(one.facts.modality), clean(one.facts.description))
    return named


def told_guest(guest: Guest) -> dict[str, Any]:
    """Somebody who came by a link."""
    return {
        "name": guest.name,
        "institution": guest.institution,
        "address": guest.address,
        "agent": guest.agent,
        "at": guest.created_at,
        "seen_at": guest.seen_at,
    }


def told_series(series: SharedSeries, modality: str, description: str) -> dict[str, Any]:
    """A series of an anonymised link, as its maker sees it."""
    return {
        "StudyInstanceUID": series.study_instance_uid,
        "SeriesInstanceUID": series.series_instance_uid,
        "Modality": modality,
        "SeriesDescription": description,
        "verdict": series.verdict,
        "reason": series.reason,
        "instances": series.instances,
        "copied": series.copied,
        "left": series.left,
        "confirmed": series.confirmed_at is not None,
    }


def _within(value: Any, low: int, high: int, what: str) -> int:
    if not isinstance(value, int) or not low <= value <= high:
        raise InvalidRequest(f"{what} must be {low} to {high}")
    return value
