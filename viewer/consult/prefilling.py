"""The first draft of minutes: who took part in the thread and in rooms, when, about whom, and what was said."""

from typing import Any

from pacs.consult.vocabulary import LANGUAGES, words
from pacs.minutes.body import prefilled
from storage.index import accounts, consults, hospitals, instances
from storage.index.database import Connection
from storage.model.archive import Scope
from storage.model.consult import Consult, ConsultEvent, ConsultStudy
from storage.model.live import RoomMember
from storage.model.people import User
from viewer.consult.met import meetings
from viewer.display import age_at, clean, display_name

TITLES = {
    "radiologist": "Bác sĩ chẩn đoán hình ảnh", "technologist": "Kỹ thuật viên", "clinician": "Bác sĩ điều trị",
    "expert": "Chuyên gia", "admin": "", "platform": "",
}  # fmt: skip
_SEXES = {"M": "Nam", "F": "Nữ", "O": "Khác"}
_UNITS = {"Y": "tuổi", "M": "tháng", "W": "tuần", "D": "ngày"}


def draft_of(db: Connection, consult: Consult) -> dict[str, Any]:
    """What the minutes begin with."""
    events = consults.events(db, consult.id)
    studies = consults.studies(db, [consult.id])[consult.id]
    met = meetings(db, consult, studies)
    held = (consult.created_at, events[-1].at if events else consult.created_at)
    if met:
        held = min(one.began_at for one in met), max(one.ended_at for one in met)
    people = _people(db, consult, events, [person for one in met for person in one.people])
    patient = _patient(db, consult, studies)
    said = {language: "\n".join(filter(None, (one.lines[language] for one in met))) for language in LANGUAGES}
    return prefilled(consult, events, people, patient, held, said, english=_reads_english(db, consult, events))


def _people(
    db: Connection, consult: Consult, events: list[ConsultEvent], met: list[RoomMember]
) -> list[dict[str, str]]:
    """Who asked first, then the others of that side, then who answered; those of rooms and guests last."""
    places = {one.id: one.name or one.code for one in hospitals.all(db)}
    found: dict[str, dict[str, str]] = {}
    spoke = [(consult.requester_id, consult.hospital_id)]
    spoke += [(one.actor_id, one.hospital_id or 0) for one in events if one.actor_id is not None]
    ordered = sorted(dict.fromkeys(spoke), key=lambda pair: pair[1] != consult.hospital_id)
    users = {user.id: user for user in accounts.users_of(db, {user_id for user_id, _ in ordered})}
    for user_id, hospital_id in ordered:
        user = users.get(user_id)
        if user is not None:
            person = {"name": user.display_name or user.name, "title": title_of(user)}
            found.setdefault(f"user-{user_id}", {**person, "hospital": places.get(hospital_id, "")})
    for one in met:
        found.setdefault(one.key, {"name": one.name, "title": "", "hospital": one.hospital})
    return list(found.values())


def title_of(user: User) -> str:
    """What somebody is, by the first of their roles that says it."""
    return next((TITLES[role] for _, role in user.roles if TITLES.get(role)), "")


def _patient(db: Connection, consult: Consult, studies: list[ConsultStudy]) -> dict[str, str]:
    if not studies:
        return {}
    study = instances.study(db, Scope(frozenset({consult.hospital_id})), studies[0].study_instance_uid)
    age = age_at(study.patient.birth_date, study.facts.study_date)
    date = f"{study.facts.study_date:08}" if study.facts.study_date else ""
    described = [clean(study.facts.description) or "/".join(study.modalities)]
    described += [f"{date[6:]}/{date[4:6]}/{date[:4]}"] if date else []
    described += [words("specialties", consult.specialty, "vi")] if consult.specialty else []
    return {
        "patient_name": display_name(study.patient.name),
        "patient_id": clean(study.patient.patient_id),
        "patient_sex": _SEXES.get(study.patient.sex, ""),
        "patient_age": f"{int(age[:3])} {_UNITS[age[3]]}" if age else "",
        "study": ", ".join(described),
    }


def _reads_english(db: Connection, consult: Consult, events: list[ConsultEvent]) -> bool:
    """Whether somebody of the side that is asked has English pages."""
    if consult.to_user_id is not None:
        return accounts.user(db, consult.to_user_id).language == "en"
    others = {one.actor_id for one in events if one.hospital_id == consult.to_hospital_id and one.actor_id is not None}
    return any(user.language == "en" for user in accounts.users_of(db, others))
