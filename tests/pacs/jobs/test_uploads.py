"""Uploads beside the tasks: whatever happens, they go on, and they end when asked."""

import threading
from pathlib import Path

from pacs.jobs.uploads import run, uploading
from storage.errors import StorageUnavailable
from storage.objects.base import object_key
from storage.objects.memory import MemoryStore
from storage.objects.staged import StagedStore

SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


class Troubled(MemoryStore):
    """Fails in several ways, and then tells that it was asked once more."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[Exception] = [StorageUnavailable("away"), OSError(5, "EIO"), RuntimeError("a bug")]
        self.again = threading.Event()

    def settle(self, most: int = 16) -> int:
        if self.troubles:
            raise self.troubles.pop(0)
        self.again.set()
        return 0


def test_goes_on_after_every_kind_of_trouble() -> None:
    store, stop = Troubled(), threading.Event()
    thread = threading.Thread(target=run, args=(store, stop, 0.001))
    thread.start()
    assert store.again.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_what_waits_is_brought_to_the_final_store(tmp_path: Path) -> None:
    arrived = threading.Event()

    class Final(MemoryStore):
        def put(self, *arguments, **more):  # type: ignore[no-untyped-def]
            stored = super().put(*arguments, **more)
            arrived.set()
            return stored

    store, stop = StagedStore(tmp_path, Final()), threading.Event()
    key = object_key("main", SHA256)
    store.put_bytes(key, b"x")
    with uploading(store, stop):
        assert arrived.wait(10)
        stop.set()
    assert store.verified(key) is not None
