"""The DICOM door in the audit log: what peers bring, look for and fetch, and who was turned away."""

import json
from pathlib import Path

from pacs.dimse.sop_classes import STUDY_ROOT_FIND
from storage.index import audit
from storage.model.audit import AuditRecord
from tests.pacs.dimse.conftest import HOST, Door
from tests.pacs.dimse.objects import ROOT, ct, write
from tests.pacs.dimse.test_find import ask, keys
from tests.pacs.dimse.test_retrieve import receiver
from tests.support.dcmtk import dcmtk
from tests.support.server import free_port
from tests.support.waiting import until


def records(door: Door, action: str) -> list[AuditRecord]:
    door.archive.acts.flush()
    with door.archive.database.reading() as db:
        return [one for one in audit.records(db) if one.action == action]


def detail(record: AuditRecord) -> dict[str, object]:
    found = json.loads(record.detail)
    assert isinstance(found, dict)
    return found


def test_what_peers_bring_ask_and_fetch_is_noted(door: Door, tmp_path: Path) -> None:
    paths = [write(tmp_path / "in", ct(1, 1, number)) for number in (1, 2, 3)]
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, *paths)
    until(lambda: bool(records(door, "study.store")))
    (stored,) = records(door, "study.store")
    assert (stored.actor, stored.role, stored.address, stored.object) == ("STORESCU", "peer", HOST, f"{ROOT}.1")
    assert detail(stored) == {"door": "C-STORE", "instances": 3}

    ask(door, keys("STUDY", StudyInstanceUID="", PatientID="1.2", PatientName="Nguyễn*"), STUDY_ROOT_FIND)
    (searched,) = records(door, "study.search")
    assert detail(searched)["door"] == "C-FIND"
    assert searched.patient == door.archive.acts.veiled("1.2")
    assert "Nguy" not in searched.detail

    port = free_port()
    door.peer("RECEIVER", port=port)
    key = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ROOT}.1")
    with receiver(tmp_path / "moved", port):
        dcmtk("movescu", "-aec", "HOICHAN", "-aem", "RECEIVER", "-S", *key, HOST, door.port)
    (tmp_path / "got").mkdir()
    dcmtk("getscu", "-aec", "HOICHAN", "-S", "-od", tmp_path / "got", *key, HOST, door.port)
    moved, got = records(door, "study.export")
    assert detail(moved) == {"door": "C-MOVE", "instances": 3, "to": "RECEIVER"}
    assert detail(got) == {"door": "C-GET", "instances": 3}
    assert (moved.actor, got.actor, got.object) == ("MOVESCU", "GETSCU", f"{ROOT}.1")


def test_who_is_turned_away_is_noted_once_with_the_count(door: Door) -> None:
    for _ in range(3):
        dcmtk("echoscu", "-aet", "STRANGER", "-aec", "HOICHAN", HOST, door.port, check=False)
    until(lambda: bool(records(door, "association.refuse")))
    (refused,) = records(door, "association.refuse")
    assert (refused.actor, refused.role, refused.result) == ("STRANGER", "stranger", "refused")
