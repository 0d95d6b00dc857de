"""Anchors and exports of the audit log."""

import json
from pathlib import Path

import pytest

from pacs import auditing
from pacs.command import main
from pacs.jobs.worker import Worker
from storage.index import audit
from storage.model.audit import AuditEvent
from tests.pacs.parts import House
from tests.support.alterations import chain_of


def _act(here: House, count: int = 5, hospital: str = "main") -> None:
    with here.archive.database.writing() as db:
        for n in range(count):
            audit.append(db, AuditEvent(here.origin.hospital_id, hospital, "an", "conflict.keep", f"1.2.{n}"))


def _without_triggers(here: House, sql: str) -> None:
    with here.archive.database.writing() as db:
        db.exec_driver_sql("DROP TRIGGER audit_no_UPDATE")
        db.exec_driver_sql("DROP TRIGGER audit_no_DELETE")
        db.exec_driver_sql(sql)


def test_a_tail_that_was_cut_off_is_missed(here: House) -> None:
    database, objects = here.archive.database, here.archive.objects
    assert auditing.anchor(database, objects) == 0
    _act(here)
    assert auditing.anchor(database, objects) == auditing.anchor(database, objects) == 5
    _act(here)
    sound = auditing.check(database, objects)
    assert (sound.faults, sound.records, sound.anchors) == ([], 10, 1)
    _without_triggers(here, "DELETE FROM audit WHERE sequence > 4")
    assert auditing.check(database, objects).faults == [
        "the log ends with record 4, record 5 was written down elsewhere"
    ]
    _act(here)  # and covered by new ones
    assert auditing.check(database, objects).faults == ["record 5 is not the one that was written down elsewhere"]
    with database.writing() as db:
        db.exec_driver_sql("DELETE FROM audit WHERE sequence > 5")
    auditing.anchor(database, objects)
    assert "record 5 was written down twice, differently" in auditing.check(database, objects).faults


def test_the_worker_anchors_the_log(here: House) -> None:
    _act(here)
    Worker(here.archive).step()
    assert list(auditing.anchors(here.archive.objects)[0]) == [5]


def test_an_export_is_checked_without_the_index(here: House) -> None:
    _act(here, 3)
    _act(here, 2, "other")
    lines = list(auditing.export(here.archive.database))
    assert [json.loads(line).get("seq") for line in lines] == [1, 2, 3, 4, 5, None]
    assert auditing.check_export(lines).faults == []
    ours = list(auditing.export(here.archive.database, "main"))
    assert auditing.check_export(ours).faults == []
    assert [json.loads(line).keys() == {"seq", "hash"} for line in ours[:-1]] == [False] * 3 + [True] * 2
    assert auditing.check_export(ours).head == auditing.check_export(lines).head
    for wrong in (
        lines[:-1], lines[:2] + lines[-1:], lines[1:], [*lines, lines[0]], ["x"], [], [*lines[:2], "[]", *lines[2:]],
        [line.replace('"an"', '"bình"', 1) for line in lines], [ours[1], ours[0], *ours[2:]],
    ):  # fmt: skip
        assert auditing.check_export(wrong).faults


def test_an_empty_log_is_whole(here: House) -> None:
    assert auditing.check_export(auditing.export(here.archive.database)).faults == []
    assert auditing.check(here.archive.database, here.archive.objects).faults == []


def test_the_commands_export_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text(f"data: {tmp_path / 'data'}\n")
    assert main(["audit", "verify", "--config", str(settings)]) == 0
    assert "whole" in capsys.readouterr().out
    assert main(["audit", "export", "--config", str(settings)]) == 0
    file = tmp_path / "audit.jsonl"
    file.write_text(capsys.readouterr().out)
    assert main(["audit", "verify", str(file), "--config", str(settings)]) == 0
    links = chain_of(3)
    links[1]["reason"] = "khác"
    file.write_text("".join(json.dumps(link) + "\n" for link in [*links, {"head": 3, "hash": links[-1]["hash"]}]))
    assert main(["audit", "verify", str(file), "--config", str(settings)]) == 1
    told = capsys.readouterr()
    assert "ALTERED" in told.out
    assert "record 2 was altered" in told.err
    assert main(["audit", "verify", str(tmp_path / "none"), "--config", str(settings)]) == 1
