"""What pages are told of a consultation: as much as the side it is told to may know."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pacs.consult.findings import sentence
from pacs.consult.rules import may
from pacs.consult.vocabulary import LANGUAGES
from storage.model.archive import Hospital
from storage.model.consult import Attachment, Consult, ConsultEvent, ConsultStudy, Party, Side
from storage.model.links import Exchange
from storage.model.people import User
from viewer.display import age_at, clean, display_name

ARRIVING_MS = 120_000  # a study whose newest image is not older than this may still be arriving


class Told:
    """Tells one party of the consultations `found`; `people` and `places` are accounts and hospitals by their ids,
    `exchanges` the UIDs of copies by the ids of anonymised consultations."""

    def __init__(
        self,
        party: Party,
        found: Iterable[Consult],
        people: Mapping[int, User],
        places: Mapping[int, Hospital],
        seen: Mapping[int, int],
        exchanges: Mapping[int, Exchange],
        now: int,
    ) -> None:
        self._party, self._people, self._places, self._seen, self._now = party, people, places, seen, now
        self._exchanges = exchanges
        self._asks = {one.id: Side.FROM in one.sides(party) for one in found}

    def card(self, consult: Consult, studies: Sequence[ConsultStudy]) -> dict[str, Any]:
        """One consultation as it lies in a box."""
        sides = consult.sides(self._party)
        asks = Side.FROM in sides
        shows = asks or consult.shows(self._now)
        told = [self._study(one, asks=asks) for one in studies] if shows else []
        return {
            "code": consult.code,
            "state": consult.state,
            "sides": sorted(sides),
            "mine": consult.waits_for in sides,
            "waits_for": consult.waits_for,
            "urgency": consult.urgency,
            "due_at": consult.due_at,
            "created_at": consult.created_at,
            "changed_at": consult.changed_at,
            "answered_at": consult.answered_at,
            "concluded_at": consult.concluded_at,
            "closed_at": consult.closed_at,
            "revoked": consult.revoked_at is not None,
            "shows": shows,
            "sequence": consult.sequence,
            "seen": self._seen.get(consult.id, 0),
            "hospital": self._hospital(consult.hospital_id),
            "requester": self._person(consult.requester_id),
            "to_hospital": self._hospital(consult.to_hospital_id),
            "to_person": self._asked_person(consult.to_user_id),
            "specialty": consult.specialty,
            "chips": list(consult.chips),
            "question": consult.question,
            "language": consult.language,
            "anonymise": consult.anonymise,
            "verdict": consult.verdict,
            "outcome": consult.outcome,
            "informed_how": consult.informed_how,
            "informed_at": consult.informed_at,
            "patient": _patient(studies[0]) if shows and studies and (asks or not consult.anonymise) else None,
            "images": {
                "arrived": sum(one.images if asks and not consult.anonymise else one.arrived for one in studies),
                "expected": sum(max(one.expected, one.images) for one in studies),
            },
            "arriving": any(self._is_arriving(one) for one in studies) if shows else False,
            "studies": told,
        }

    def whole(
        self, consult: Consult, studies: Sequence[ConsultStudy], attachments: Sequence[Attachment]
    ) -> dict[str, Any]:
        """One consultation as its page has it."""
        shows = Side.FROM in consult.sides(self._party) or consult.shows(self._now)
        return {
            **self.card(consult, studies),
            "may": list(may(consult, self._party)),
            "attachments": [_attachment(one) for one in attachments] if shows else [],
        }

    def event(self, event: ConsultEvent) -> dict[str, Any]:
        """Something that happened, with its findings in both languages."""
        told: dict[str, Any] = {
            "sequence": event.sequence,
            "client_id": event.client_id,
            "at": event.at,
            "kind": event.kind,
            "actor": {"id": event.actor_id, "name": event.actor, "guest": bool(event.guest)},
            "hospital": self._hospital(event.hospital_id),
            "mine": event.actor_id == self._party.user_id,
            "body": self._under_own_uids(event),
        }
        if event.body.get("findings"):
            told["sentences"] = {
                language: [sentence(one, language) for one in event.body["findings"]] for language in LANGUAGES
            }
        return told

    def _under_own_uids(self, event: ConsultEvent) -> dict[str, Any]:
        """What was said, with images named as this party's side knows them; of an anonymised consultation those of
        the other side's that have no copy are left out."""
        exchange = self._exchanges.get(event.consult_id)
        if exchange is None or "images" not in event.body:
            return event.body
        mine = exchange.originals if self._asks.get(event.consult_id) else exchange.copies
        known = set(mine.values())
        told = []
        for image in event.body["images"]:
            named = {name: mine.get(value, value) for name, value in image.items() if name.endswith("_uid")}
            if named["sop_instance_uid"] in known or self._asks.get(event.consult_id):
                told.append({**image, **named})
        return {**event.body, "images": told}

    def _study(self, study: ConsultStudy, *, asks: bool) -> dict[str, Any]:
        """The side that asks knows its study, the other side what it is shown."""
        uid = study.study_instance_uid if asks else study.shown_study_instance_uid
        return {
            "StudyInstanceUID": uid,
            "hospital": self._code(study.hospital_id if asks else study.shown_hospital_id),
            "prior": study.prior,
            "ready": uid is not None and (asks or study.arrived > 0),
            "modalities": list(study.modalities),
            "StudyDate": f"{study.study_date:08}" if study.study_date and (asks or not self._is_copy(study)) else "",
            "StudyDescription": clean(study.description) if asks or not self._is_copy(study) else "",
            "images": study.images if asks else study.arrived,
            "expected": max(study.expected, study.images),
        }

    def _is_arriving(self, study: ConsultStudy) -> bool:
        return study.received_at is not None and self._now - study.received_at < ARRIVING_MS

    def _is_copy(self, study: ConsultStudy) -> bool:
        return study.shown_study_instance_uid != study.study_instance_uid

    def _hospital(self, hospital_id: int | None) -> dict[str, str] | None:
        found = self._places.get(hospital_id or 0)
        return None if found is None else {"code": found.code, "name": found.name}

    def _code(self, hospital_id: int | None) -> str | None:
        """The code of a hospital of people: copies are of none."""
        found = self._places.get(hospital_id or 0)
        return None if found is None else found.code

    def _asked_person(self, user_id: int | None) -> dict[str, Any] | None:
        """With whether somebody who was invited has come yet."""
        told, found = self._person(user_id), self._people.get(user_id or 0)
        return told if told is None or found is None else {**told, "came": not found.awaited}

    def _person(self, user_id: int | None) -> dict[str, Any] | None:
        found = self._people.get(user_id or 0)
        return None if found is None else {"id": found.id, "name": found.display_name or found.name}


def _patient(study: ConsultStudy) -> dict[str, str]:
    return {
        "name": display_name(study.patient_name),
        "sex": clean(study.patient_sex),
        "age": age_at(study.birth_date, study.study_date) or "",
    }


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "id": attachment.client_id,
        "name": attachment.name,
        "type": attachment.type,
        "size": attachment.size,
        "at": attachment.at,
    }
