"""What is to be sent is made ready ahead, in order, and never more than a little of it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from pacs.association.contexts import Context
from pacs.errors import UnsupportedTransferSyntax
from pacs.send.sources import AHEAD, FileSource, Sources, StreamSource
from storage.errors import ObjectMissing
from storage.model.archive import Instance
from storage.objects.memory import MemoryStore
from tests.pacs.parts import CT, EXPLICIT, IMPLICIT, House, Made, house

ACCEPTED = {CT: {EXPLICIT: Context(3, CT, EXPLICIT, as_scu=True, as_scp=False)}}
IMPLICIT_ONLY = {CT: {IMPLICIT: Context(5, CT, IMPLICIT, as_scu=True, as_scp=False)}}


def slices(here: House, count: int) -> list[Instance]:
    made = [Made(sop=f"1.2.3.1.{number}", number=number) for number in range(count)]
    for one in made:
        here.put(one.part10())
    return [here.instance(one) for one in made]


def whole(sources: Sources, instance: Instance) -> bytes:
    source = sources.take(instance)
    buffer = memoryview(bytearray(1 << 16))
    count = source.readinto(buffer)
    source.close()
    return bytes(buffer[:count])


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[House]:
    """An archive whose objects are not files of this machine."""
    folder = tmp_path / "remote"
    folder.mkdir()
    made = house(folder, objects=MemoryStore())
    yield made
    made.archive.close()


def test_a_stored_dataset_is_a_part_of_its_file(here: House) -> None:
    instances = slices(here, 3)
    with Sources(here.archive, ACCEPTED) as sources:
        sources.expect(instances)
        for instance in instances:
            data = here.archive.bytes_of(instance)
            assert whole(sources, instance) == data[instance.facts.dataset_offset :]


def test_objects_from_elsewhere_are_fetched_ahead_and_no_further(
    remote: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = slices(remote, 3 + AHEAD)
    fetched = threading.Semaphore(0)
    count = 0
    opened = remote.archive.objects.open

    def watched(key: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        nonlocal count
        count += 1
        fetched.release()
        return opened(key, offset, length)

    monkeypatch.setattr(remote.archive.objects, "open", watched)
    with Sources(remote.archive, ACCEPTED) as sources:
        sources.expect(instances)
        first = sources.take(instances[0])
        for _ in range(1 + AHEAD):
            assert fetched.acquire(timeout=10)
        assert count == 1 + AHEAD
        first.close()
        for instance in instances[1:]:
            data = remote.archive.bytes_of(instance)
            assert whole(sources, instance) == data[instance.facts.dataset_offset :]


def test_an_object_that_is_missing_fails_when_it_is_its_turn(here: House) -> None:
    instances = slices(here, 3)
    here.archive.objects.delete(instances[1].stored.key)
    with Sources(here.archive, ACCEPTED) as sources:
        sources.expect(instances)
        assert whole(sources, instances[0])
        with pytest.raises(ObjectMissing):
            sources.take(instances[1])
        assert whole(sources, instances[2])


def test_only_what_was_not_accepted_is_transcoded(seeing: House) -> None:
    instances = slices(seeing, 2)
    with Sources(seeing.archive, {CT: ACCEPTED[CT] | IMPLICIT_ONLY[CT]}) as sources:
        source = sources.take(instances[0])
        assert (type(source), source.context.context_id) == (FileSource, 3)
        source.close()
    with Sources(seeing.archive, IMPLICIT_ONLY) as sources:
        source = sources.take(instances[0])
        assert (type(source), source.context.context_id) == (StreamSource, 5)
        source.close()
    with Sources(seeing.archive, {}) as sources, pytest.raises(UnsupportedTransferSyntax):
        sources.take(instances[0])


def test_what_nobody_takes_is_let_go(here: House, remote: House) -> None:
    for place in (here, remote):
        instances = slices(place, 4)
        sources = Sources(place.archive, ACCEPTED)
        sources.expect(instances)
        sources.take(instances[0]).close()
        sources.close()
        assert not sources._ready
