"""The judge must see what it is there to see."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.checker import Rows, Verdict, _check_instance
from tests.faults.history import Follower, History
from tests.faults.instances import Maker, dataset_of, sop_instance_uid_of


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History()
    history.begin(Maker(tmp_path, 1, 1).batch(3))
    return history


class Intact(Rows):
    """Rows whose objects hold what their hash says, without files."""

    def dataset_sha256(self, sha256: str) -> str:
        return sha256


def judged(history: History, *, heard: bool, found: int, rows: list[str], got: list[str]) -> Verdict:
    verdict = Verdict()
    fate = next(iter(history.fates.values()))
    uid = fate.made.sop_instance_uid
    bytes_of = {"right": fate.made.sha256, "wrong": "0" * 64}
    _check_instance(
        fate,
        heard,
        Counter({uid: found}),
        {uid: [bytes_of[one] for one in got]} if got else {},
        Intact({uid: [bytes_of[one] for one in rows]} if rows else {}, [], None),
        verdict,
    )
    return verdict


def test_what_storescu_prints_becomes_history(history: History) -> None:
    batch = history.batches[0]
    follower = Follower(history, batch)
    first, second, third = (made.path for made in batch.instances)
    for line in (
        f"I: Sending file: {first}", "I: Received Store Response (Success)",
        f"I: Sending file: {second}", "I: Received Store Response (Refused: OutOfResources)",
        f"I: Sending file: {third}", "E: Store Failed, file: x",
    ):  # fmt: skip
        follower.line(line)
    counts = history.counts()
    assert (counts.sent, counts.acknowledged, counts.unknown) == (3, 1, 2)
    assert history.acknowledged() == {batch.instances[0].sop_instance_uid}


def test_what_was_heard_after_the_cut_is_unknown(history: History) -> None:
    uid = history.batches[0].instances[0].sop_instance_uid
    history.note(uid, "sent")
    history.note(uid, "acknowledged")
    history.roll_back(frozenset())
    assert history.counts().unknown == 1


def test_an_acknowledged_instance_that_is_whole_everywhere_is_good(history: History) -> None:
    assert judged(history, heard=True, found=1, rows=["right"], got=["right"]).good


def test_nothing_acknowledged_proves_nothing(history: History) -> None:
    verdict = judged(history, heard=False, found=0, rows=[], got=[])
    assert not verdict.good
    assert "NOTHING WAS ACKNOWLEDGED" in verdict.words()


@pytest.mark.parametrize(
    ("found", "rows", "got"),
    [
        (0, [], []),
        (0, ["right"], ["right"]),
        (1, [], ["right"]),
        (1, ["wrong"], ["right"]),
        (1, ["right"], []),
        (1, ["right"], ["wrong"]),
    ],
    ids=["gone", "not found", "no row", "another object", "not retrieved", "other bytes"],
)
def test_an_acknowledged_instance_is_lost_when_anything_is_missing(
    history: History, found: int, rows: list[str], got: list[str]
) -> None:
    verdict = judged(history, heard=True, found=found, rows=rows, got=got)
    assert verdict.lost
    assert not verdict.good


@pytest.mark.parametrize(("found", "rows"), [(2, ["right"]), (1, ["right", "right"])])
def test_two_rows_are_one_too_many(history: History, found: int, rows: list[str]) -> None:
    assert judged(history, heard=True, found=found, rows=rows, got=["right"]).duplicates


def test_an_unknown_instance_may_be_absent_but_not_half(history: History) -> None:
    assert judged(history, heard=False, found=0, rows=[], got=[]).unknown_absent == 1
    assert judged(history, heard=False, found=1, rows=["right"], got=["right"]).unknown_present == 1
    half = judged(history, heard=False, found=1, rows=["right"], got=["wrong"])
    assert half.wrong
    assert half.arriving
    assert not judged(history, heard=True, found=1, rows=[], got=["right"]).arriving


def test_made_instances_say_what_they_are(tmp_path: Path) -> None:
    made = Maker(tmp_path, 7, 1).batch(2).instances[1]
    dataset = dataset_of(made.path.read_bytes())
    assert sop_instance_uid_of(dataset) == made.sop_instance_uid
