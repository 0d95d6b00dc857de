"""Two hospitals, their people, and a study one of them asks about."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from storage.index import accounts as store
from tests.viewer.conftest import Person, Web

STUDY = {"StudyInstanceUID": "1.2.840.5.1", "SeriesInstanceUID": "1.2.840.5.1.1", "SOPInstanceUID": "1.2.840.5.1.1.1"}
PRIOR = {"StudyInstanceUID": "1.2.840.5.2", "SeriesInstanceUID": "1.2.840.5.2.1", "SOPInstanceUID": "1.2.840.5.2.1.1"}
OTHER = {"StudyInstanceUID": "1.2.840.5.3", "SeriesInstanceUID": "1.2.840.5.3.1", "SOPInstanceUID": "1.2.840.5.3.1.1"}


def new_id() -> str:
    return str(uuid.uuid4())


def soon(minutes: int = 60) -> int:
    return int(time.time() * 1000) + minutes * 60_000


@dataclass
class Two:
    """Lào Cai asks, Bạch Mai answers; somebody of a third hospital looks on."""

    web: Web
    asker: Person
    colleague: Person
    answerer: Person
    stranger: Person

    def question(self, **more: Any) -> dict[str, Any]:
        return {
            "client_id": new_id(), "study": STUDY["StudyInstanceUID"], "priors": [PRIOR["StudyInstanceUID"]],
            "to": {"hospital": "bach-mai"}, "specialty": "neuro", "urgency": "urgent", "due_at": soon(),
            "chips": ["thrombolysis", "transfer_needed"], "question": "Bệnh nhân yếu nửa người trái 2 giờ.",
            "language": "vi", "anonymise": False, "informed_how": "oral", "informed_at": soon(-5), **more,
        }  # fmt: skip

    def ask(self, **more: Any) -> str:
        answer = self.asker.post("/api/consults", json=self.question(**more))
        assert answer.status_code == 201, answer.text
        return str(answer.json["code"])

    def act(self, person: Person, code: str, kind: str, client_id: str = "", **body: Any) -> Any:
        given = {"client_id": client_id or new_id(), "kind": kind, "body": body}
        return person.post(f"/api/consults/{code}/events", json=given)


@pytest.fixture
def two(web: Web) -> Two:
    for uids in (STUDY, PRIOR, OTHER):
        web.store("lao-cai", **uids, PatientName="Vàng^Sếnh^A", PatientID="LC-77", StudyDescription="CT sọ não")
    asker, colleague = web.person("clinician", "lao-cai"), web.person("technologist", "lao-cai")
    answerer = web.person("radiologist", "bach-mai")
    with web.archive.database.writing() as db:
        store.update_user(db, answerer.user.id, specialties=("neuro", "stroke"))
    return Two(web, asker, colleague, answerer, web.person("radiologist", "viet-duc"))
