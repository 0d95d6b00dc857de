"""Anchors and exports of the audit log."""

import json
from pathlib import Path

import pytest

from pacs import auditing, keyfile
from pacs.assembly import open_archive
from pacs.auditing import NOTED, PREFIX, Anchoring
from pacs.command import main
from pacs.command.audit import UNVOUCHED
from pacs.config import load
from pacs.jobs.worker import Worker
from storage.index import audit
from storage.model import anchors
from storage.model.anchors import Anchor
from storage.model.audit import AuditEvent
from tests.pacs.parts import House
from tests.support.alterations import chain_of
from tests.support.audited import act, alter


def _head(here: House) -> tuple[int, str]:
    with here.archive.database.reading() as db:
        return audit.head(db)


def _written(here: House) -> list[Anchor]:
    return sorted(auditing.written(here.archive.objects), key=lambda one: (one.serial, one.sequence))


def _put(here: House, anchor: Anchor) -> None:
    here.archive.objects.put_bytes(PREFIX + anchor.name, b"{}")


def _take_away(here: House, *gone: Anchor) -> None:
    for one in gone:
        here.archive.objects.delete(PREFIX + one.name)


def _cut(here: House, to: int) -> None:
    alter(here, f"DELETE FROM audit WHERE sequence > {to}")


class Anchored:
    """A house with what writes its anchors; `again` is the program started anew, `elsewhere` a machine without note."""

    def __init__(self, here: House, folder: Path) -> None:
        self.here, self.folder = here, folder
        self.anchoring = Anchoring(folder)

    def act_and_anchor(self, times: int = 1) -> None:
        for _ in range(times):
            act(self.here, 5)
            self.anchor()

    def anchor(self) -> int:
        return self.anchoring.anchor(self.here.archive.database, self.here.archive.objects)

    def again(self) -> None:
        self.anchoring = Anchoring(self.folder)

    def elsewhere(self) -> None:
        (self.folder / NOTED).unlink()
        self.again()

    def faults(self) -> list[str]:
        found = self.anchoring.check(self.here.archive.database, self.here.archive.objects).faults
        return [str(fault) for fault in found]


@pytest.fixture
def kept(here: House, tmp_path: Path) -> Anchored:
    return Anchored(here, tmp_path / "key")


def test_a_tail_that_was_cut_off_is_missed(here: House, kept: Anchored) -> None:
    assert kept.anchor() == 0
    act(here)
    assert kept.anchor() == kept.anchor() == 5
    act(here)
    sound = kept.anchoring.check(here.archive.database, here.archive.objects)
    assert (sound.faults, sound.records, sound.anchors, sound.signed_to) == ([], 10, 1, 5)
    _cut(here, 4)
    assert kept.faults() == ["the log ends with record 4, record 5 was written down elsewhere"]
    act(here)  # and covered by new ones
    assert kept.faults() == ["record 5 is not the one that was written down elsewhere"]
    _cut(here, 5)
    kept.anchor()
    assert kept.faults()[:2] == [
        "record 5 was written down twice, differently",
        "when record 5 was written down, the log did not continue what was written down before",
    ]


def test_anchors_are_signed_and_numbered_and_written_only_for_news(here: House, kept: Anchored) -> None:
    kept.act_and_anchor(3)
    kept.anchor()
    kept.again()
    kept.anchor()
    assert [(one.sequence, one.serial, one.continues) for one in _written(here)] == [
        (5, 1, True), (10, 2, True), (15, 3, True),
    ]  # fmt: skip
    assert all(one.hash and len(one.name) <= 128 for one in _written(here))
    assert (kept.folder / NOTED).read_text().strip() == _written(here)[-1].name
    assert kept.faults() == []
    kept.elsewhere()
    assert kept.faults() == [], "another machine with the same key checks it as well"
    kept.act_and_anchor()
    assert [one.serial for one in _written(here)] == [1, 2, 3, 4], "and goes on where the first one was"


def test_a_forged_anchor_is_found(here: House, kept: Anchored) -> None:
    """Everything is written anew, and anchors for it are made: with another key, or with signatures that were good."""
    kept.act_and_anchor(2)
    first, second = _written(here)
    _cut(here, 0)
    act(here, 10)
    sequence, hashed = _head(here)
    _take_away(here, first, second)
    for forged in (
        anchors.signed(b"guessed" * 5, sequence, hashed, 2), Anchor(sequence, hashed, 2, True, second.signature),
    ):  # fmt: skip
        _put(here, forged)
        for start in (kept.again, kept.elsewhere):
            start()
            assert any("not signed with the key" in fault for fault in kept.faults())
            (kept.folder / NOTED).write_text(second.name)
        _take_away(here, forged)


def test_signatures_that_were_taken_off_are_missed(here: House, kept: Anchored) -> None:
    kept.act_and_anchor(3)
    first, second, third = _written(here)
    _take_away(here, second)
    _put(here, Anchor(second.sequence, second.hash))
    kept.elsewhere()
    assert kept.faults() == [
        "1 anchors after the first signed one, as of record 10, are not signed",
        "signed anchors are missing: number 2 to 2",
    ]
    (kept.folder / NOTED).write_text(third.name)
    _take_away(here, first, third)
    for one in (first, third):
        _put(here, Anchor(one.sequence, one.hash))
    assert kept.faults() == ["signed anchors are missing: number 1 to 3"]
    kept.elsewhere()
    found = kept.anchoring.check(here.archive.database, here.archive.objects)
    assert (found.faults, found.anchors, found.unsigned) == ([], 0, 3), "nothing signed is left, and that is said"


def test_a_state_of_before_is_not_the_newest(here: House, kept: Anchored) -> None:
    """Log and anchors are what they were an hour ago; a machine that was there knows better, and says so for all."""
    kept.act_and_anchor(3)
    _take_away(here, *_written(here)[1:])
    _cut(here, 5)
    kept.again()
    assert kept.faults() == [
        "signed anchors are missing: number 2 to 3", "the log ends with record 5, record 15 was written down elsewhere",
    ]  # fmt: skip
    act(here, 20)
    kept.anchor()
    kept.elsewhere()
    assert "signed anchors are missing: number 2 to 3" in kept.faults()


def test_nothing_that_does_not_continue_is_signed_as_if_it_did(
    here: House, kept: Anchored, caplog: pytest.LogCaptureFixture
) -> None:
    kept.act_and_anchor(2)
    _cut(here, 7)
    act(here, 10)
    _take_away(here, _written(here)[1])
    kept.anchor()
    assert "does not continue" in caplog.text
    assert [(one.serial, one.continues) for one in _written(here)] == [(1, True), (3, False)]
    told = _written(here)[1]
    kept.act_and_anchor()
    assert _written(here)[-1].continues, "what comes after is protected again"
    kept.elsewhere()
    assert kept.faults() == [
        "signed anchors are missing: number 2 to 2",
        "when record 17 was written down, the log did not continue what was written down before",
    ]
    _take_away(here, told)
    _put(here, Anchor(told.sequence, told.hash, told.serial, True, told.signature))
    assert any("not signed with the key" in fault for fault in kept.faults())


def test_anchors_of_before_signatures_count_up_to_the_first_signed_one(here: House, kept: Anchored) -> None:
    act(here, 5)
    _put(here, Anchor(*_head(here)))
    before = kept.anchoring.check(here.archive.database, here.archive.objects)
    assert (before.faults, before.anchors, before.unsigned, before.signed_to) == ([], 0, 1, 0)
    kept.anchor()
    kept.act_and_anchor()
    found = kept.anchoring.check(here.archive.database, here.archive.objects)
    assert (found.faults, found.anchors, found.unsigned, found.signed_to) == ([], 2, 1, 10)
    _put(here, Anchor(3, "0" * 64))
    assert kept.faults() == ["record 3 is not the one that was written down elsewhere"]


def test_an_old_anchor_that_does_not_fit_is_told_by_the_first_signed_one(here: House, kept: Anchored) -> None:
    act(here, 5)
    _put(here, Anchor(3, "0" * 64))
    _put(here, Anchor(5, "0" * 64))
    act(here, 1)
    kept.anchor()
    assert not _written(here)[-1].continues


def test_with_another_key_nothing_is_vouched_for(here: House, kept: Anchored) -> None:
    kept.act_and_anchor(2)
    (kept.folder / keyfile.NAME).unlink()
    kept.again()
    assert kept.faults() == [
        "2 anchors, the first of record 5, were not signed with the key of this installation",
        "what is noted beside the key about the newest anchor was not signed with it",
    ]
    kept.act_and_anchor()
    assert [one.serial for one in _written(here)] == [1, 1, 2], "the new key begins anew"
    assert len(kept.faults()) == 1


@pytest.mark.parametrize("note", ["", "nonsense", "é", "000000000005-" + "0" * 64])
def test_a_note_that_nobody_signed_is_told(here: House, kept: Anchored, note: str) -> None:
    kept.act_and_anchor()
    (kept.folder / NOTED).write_text(note)
    kept.again()
    assert kept.faults() == ["what is noted beside the key about the newest anchor was not signed with it"]


def test_what_cannot_be_noted_is_tried_again(here: House, kept: Anchored, caplog: pytest.LogCaptureFixture) -> None:
    act(here)
    (kept.folder / NOTED).mkdir()
    kept.anchoring.anchor_quietly(here.archive.database, here.archive.objects)
    assert "was not anchored" in caplog.text
    (kept.folder / NOTED).rmdir()
    kept.anchor()
    (kept.folder / NOTED).unlink()
    kept.anchor()  # nothing new, but the note is not there
    assert (kept.folder / NOTED).read_text().strip() == _written(here)[-1].name
    assert kept.faults() == []


def test_the_worker_anchors_the_log(here: House, kept: Anchored) -> None:
    act(here)
    Worker(here.archive, anchoring=kept.anchoring).step()
    assert [one.sequence for one in _written(here)] == [5]


def test_an_export_is_checked_without_the_index(here: House) -> None:
    act(here, 3)
    act(here, 2, "other")
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


def test_an_empty_log_is_whole(here: House, kept: Anchored) -> None:
    assert auditing.check_export(auditing.export(here.archive.database)).faults == []
    assert kept.faults() == []


def test_the_commands_export_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text(f"data: {tmp_path / 'data'}\n")
    assert main(["audit", "verify", "--config", str(settings)]) == UNVOUCHED
    assert "NO SIGNED ANCHOR" in capsys.readouterr().out
    config = load(settings)
    archive = open_archive(config)
    with archive.database.writing() as db:
        audit.append(db, AuditEvent(1, "main", "an", "conflict.keep", "1.2"))
    Anchoring(config.data).anchor(archive.database, archive.objects)
    archive.close()
    assert main(["audit", "verify", "--config", str(settings)]) == 0
    told = capsys.readouterr().out
    assert "1  signed, up to record 1\n" in told
    assert "whole" in told
    assert main(["audit", "export", "--config", str(settings)]) == 0
    file = tmp_path / "audit.jsonl"
    file.write_text(capsys.readouterr().out)
    assert main(["audit", "verify", str(file), "--config", str(settings)]) == 0
    links = chain_of(3)
    links[1]["reason"] = "khác"
    file.write_text("".join(json.dumps(link) + "\n" for link in [*links, {"head": 3, "hash": links[-1]["hash"]}]))
    assert main(["audit", "verify", str(file), "--config", str(settings)]) == 1
    said = capsys.readouterr()
    assert "ALTERED" in said.out
    assert "record 2 was altered" in said.err
    assert main(["audit", "verify", str(tmp_path / "none"), "--config", str(settings)]) == 1
