"""Reading back: what rotted or is gone is found, is not handed out, and is mended by the same content."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs.archive.adopting import DOOR
from pacs.command import main
from pacs.config import ScrubConfig
from pacs.jobs import scrub as scrubbing
from pacs.jobs import worker as workers
from pacs.jobs.scrub import Scrub, adopt
from pacs.verifying import Verified, examine, recheck, unindexed, verify
from storage.errors import ObjectCorrupt, ObjectMissing, StorageUnavailable
from storage.index import changes, damage, instances, notes
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, Instance, StoredObject
from storage.model.damage import CORRUPT, MISSING, Damage
from storage.objects.base import object_key, quarantine_key
from storage.objects.filesystem import FilesystemStore
from storage.objects.staged import StagedStore
from tests.faults import rot
from tests.pacs.parts import House, Made, house

HOUR = 3600


def slices(count: int) -> list[Made]:
    return [Made(sop=f"1.2.3.1.{n}", number=n, pixels=bytes([n]) * 32) for n in range(1, count + 1)]


def flip(here: House, instance: Instance) -> None:
    rot.flip(here, instance, random.Random(instance.stored.sha256))


def looked(here: House) -> Verified:
    return verify(here.archive.database, here.archive.objects, here.archive.clock(), lambda count, size: None)


def noted(here: House) -> list[Damage]:
    with here.archive.database.reading() as db:
        return damage.all(db, here.scope)


def lay(here: House, key: str, data: bytes, age: float = 2 * HOUR) -> StoredObject:
    """Bytes in the store that nothing points to."""
    here.archive.objects.put_bytes(key, data)
    assert isinstance(here.archive.objects, FilesystemStore)
    path = here.archive.objects.local_path(key)
    assert path is not None
    at = path.stat().st_mtime - age
    os.utime(path, (at, at))
    stored = here.archive.objects.stat(key)
    assert stored is not None
    return stored


def test_every_flipped_bit_is_found_and_mended_by_sending_again(tmp_path: Path) -> None:
    good, figures = rot.run(tmp_path, flips=20, objects=40, seed=1)
    assert good, figures


def test_what_is_damaged_is_not_handed_out_as_if_it_were_right(here: House) -> None:
    first, second = slices(2)
    for made in (first, second):
        here.put(made.part10())
    flip(here, here.instance(first))
    assert looked(here).corrupt == [here.instance(first).stored.key]
    damaged = here.instance(first)
    reads: list[Callable[[], object]] = [
        lambda: here.archive.open(damaged),
        lambda: here.archive.bytes_of(damaged),
        lambda: here.archive.local_path(damaged),
        lambda: here.archive.header(damaged),
        lambda: here.archive.frame(damaged, 1),
        lambda: here.archive.transcoded(damaged, [damaged.facts.transfer_syntax_uid]),
    ]
    for read in reads:
        with pytest.raises(ObjectCorrupt):
            read()
    assert here.archive.frame_place(damaged, 1) is None
    assert here.archive.metadata(here.scope, "1.2.3").count == 2
    aside = noted(here)[0].aside_key
    assert here.archive.objects.stat(aside) is not None
    assert aside.startswith("main/x/")
    assert here.archive.bytes_of(here.instance(second)) == second.part10()


def test_a_missing_object_is_listed_and_comes_back_by_itself(here: House) -> None:
    made = slices(1)[0]
    stored = here.put(made.part10()).stored
    here.archive.objects.delete(stored.key)
    found = looked(here)
    assert (found.missing, found.corrupt) == ([stored.key], [])
    with pytest.raises(ObjectMissing):
        here.archive.bytes_of(here.instance(made))
    assert recheck(here.archive.database, here.archive.objects) == 0
    here.archive.objects.put_bytes(stored.key, made.part10())  # from a backup, say
    assert recheck(here.archive.database, here.archive.objects) == 1
    assert here.archive.bytes_of(here.instance(made)) == made.part10()
    assert noted(here) == []


def test_the_same_content_again_is_no_success_while_the_damage_stays(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = slices(1)[0]
    here.put(made.part10())
    flip(here, here.instance(made))

    def refuse(key: str, aside: str) -> None:
        raise StorageUnavailable("read-only")

    with monkeypatch.context() as broken:
        broken.setattr(here.archive.objects, "set_aside", refuse)
        looked(here)
    assert here.instance(made).damage == CORRUPT
    with pytest.raises(ObjectCorrupt):
        here.put(made.part10())
    looked(here)  # now it can be moved aside
    assert here.put(made.part10()).kind == ALREADY_STORED
    assert here.instance(made).damage == ""
    assert here.archive.bytes_of(here.instance(made)) == made.part10()


def test_objects_of_conflicts_and_quarantine_are_read_back_too(here: House) -> None:
    made = slices(1)[0]
    here.put(made.part10())
    made.description = "khác"
    conflict = here.put(made.part10())
    quarantined = here.put(b"no DICOM" * 100)
    assert (conflict.kind, quarantined.kind) == (CONFLICT, QUARANTINED)
    for outcome in (conflict, quarantined):
        here.archive.objects.delete(outcome.stored.key)
    assert sorted(looked(here).missing) == sorted([conflict.stored.key, quarantined.stored.key])
    assert {one.kind for one in noted(here)} == {MISSING}


def test_a_truncated_object_is_corrupt(here: House) -> None:
    made = slices(1)[0]
    here.put(made.part10())
    path = here.archive.local_path(here.instance(made))
    assert path is not None
    path.chmod(0o600)
    os.truncate(path, 200)
    assert len(looked(here).corrupt) == 1
    assert here.put(made.part10()).kind == ALREADY_STORED
    assert here.archive.bytes_of(here.instance(made)) == made.part10()


def test_what_nothing_points_to_is_taken_in(here: House) -> None:
    import hashlib

    one, other, young = slices(3)
    here.put(one.part10())
    data = {name: made.part10() for name, made in (("other", other), ("young", young))}
    one.description = "khác"
    data["conflict"], data["odd"] = one.part10(), b"odd" * 100
    key = {name: object_key("main", hashlib.sha256(value).hexdigest()) for name, value in data.items()}
    key["odd"] = quarantine_key("main", hashlib.sha256(data["odd"]).hexdigest())
    for name, value in data.items():
        lay(here, key[name], value, age=60 if name == "young" else 2 * HOUR)
    archive = here.archive
    found = list(unindexed(archive.database, archive.objects, archive.clock()))
    assert sorted(stored.key for stored in found) == sorted(value for name, value in key.items() if name != "young")
    assert len(looked(here).unindexed) == 3
    assert all(adopt(archive, stored) for stored in found)
    assert archive.bytes_of(here.instance(other)) == data["other"]
    with archive.database.reading() as db:
        assert [entry.door for entry in instances.conflicts(db, here.scope)] == [DOOR]
        assert [entry.door for entry in instances.quarantined(db, here.scope)] == [DOOR]
    assert looked(here).unindexed == []


def test_damaged_bytes_that_nothing_points_to_are_not_taken_in(here: House) -> None:
    stored = lay(here, object_key("main", "ab" * 32), b"something else")
    assert not adopt(here.archive, stored)
    assert here.archive.objects.stat(stored.key) is not None


def test_a_copy_that_is_still_here_mends_the_final_store(tmp_path: Path) -> None:
    final = FilesystemStore(tmp_path / "final")
    here = house(tmp_path, objects=StagedStore(tmp_path / "staged", final))
    made = slices(1)[0]
    stored = here.put(made.part10()).stored
    assert examine(here.archive.objects, stored.key) == "waiting"
    assert looked(here).waiting == 1
    while here.archive.objects.settle():
        pass
    path = final.local_path(stored.key)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"\0" * stored.size)
    found = looked(here)
    assert (found.corrupt, found.missing, noted(here)) == ([], [], [])
    assert final.get(stored.key) == made.part10()
    here.archive.close()


def test_the_scrub_reads_what_is_new_first_and_everything_in_time(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "SETTLED_MS", -1)
    made = slices(5)
    for one in made:
        here.put(one.part10())
    flip(here, here.instance(made[1]))
    flip(here, here.instance(made[3]))
    orphan = Made(sop="1.2.3.1.77", number=77, pixels=b"\1" * 32)
    import hashlib

    lay(here, object_key("main", hashlib.sha256(orphan.part10()).hexdigest()), orphan.part10())
    scrub = Scrub(here.archive, ScrubConfig(days=30), lambda: False)
    assert scrub.slice() < 600
    assert len(noted(here)) == 2  # the newest lines of the change log
    with here.archive.database.reading() as db:
        assert changes.cursor(db, scrubbing.CURSOR) == changes.last(db)
    for _ in range(10):
        if scrub.slice() == scrubbing.IDLE_SECONDS:
            break
    with here.archive.database.reading() as db:
        state = notes.get(db, scrubbing.NOTE)
    assert (state["stage"], state["found"], state["adopted"]) == ("", 4, 1)
    assert state["ended"] >= state["began"]
    assert here.instance(orphan).damage == ""
    for one in made:
        here.put(one.part10())
    assert noted(here) == []
    here.archive.clock = lambda: int(state["began"]) + 31 * 24 * HOUR * 1000
    scrub.slice()
    with here.archive.database.reading() as db:
        again = notes.get(db, scrubbing.NOTE)
    assert again["began"] > state["began"]
    assert again["last"]["ended"] == state["ended"]


def test_the_scrub_goes_on_where_it_was(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "SLICE_BYTES", 1)
    for one in slices(3):
        here.put(one.part10())
    for expected in (1, 2, 3):
        Scrub(here.archive, ScrubConfig(), lambda: False).slice()
        with here.archive.database.reading() as db:
            assert notes.get(db, scrubbing.NOTE)["checked"] == expected


def test_the_pace_keeps_within_its_bounds(here: House) -> None:
    scrub = Scrub(here.archive, ScrubConfig(days=10, mb_per_second=5), lambda: False)
    assert scrub._rate({"total": 0}) == 1e6
    assert scrub._rate({"total": 432_000 * 3_000_000}) == 3e6  # half of ten days are 432,000 s
    assert scrub._rate({"total": 1e15}) == 5e6


def test_every_kind_of_task_has_a_worker() -> None:
    assert not workers.QUICK & workers.SLOW
    assert not workers.SLOW & workers.SLOWEST


def test_the_command_says_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOICHAN_DATA", str(tmp_path))
    here = house(tmp_path)
    made = slices(3)
    for one in made:
        here.put(one.part10())
    assert main(["verify"]) == 0
    import hashlib

    orphan = Made(sop="1.2.3.1.77", number=77)
    key = object_key("main", hashlib.sha256(orphan.part10()).hexdigest())
    lay(here, key, orphan.part10())
    assert main(["verify", "--sample", "50"]) == 4
    assert f"not indexed: {key}" in capsys.readouterr().out
    assert main(["verify", "--all", "--adopt"]) == 0
    flip(here, here.instance(made[0]))
    here.archive.objects.delete(here.instance(made[1]).stored.key)
    assert main(["verify"]) == 3
    printed = capsys.readouterr().out
    assert f"corrupt: {here.instance(made[0]).stored.key}" in printed
    assert f"missing: {here.instance(made[1]).stored.key}" in printed
    with pytest.raises(SystemExit) as wrong:
        main(["verify", "--sample", "0"])
    assert wrong.value.code == 2
    here.archive.close()
