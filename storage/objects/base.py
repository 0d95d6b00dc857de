"""What an object store does, whatever it is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from storage.model.archive import StoredObject

Synchronise = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Condition:
    """How a store is doing. `trouble` is "" when nothing has to be mended, else one of

    - "unreachable"   the final store does not answer; what arrives waits on this machine
    - "waiting-full"  so much waits that nothing more is taken
    - "sync-failed"   the disk refused to make something durable; nothing is taken until somebody has looked at it
    - "disk"          the folder where objects wait cannot be read
    - "stuck"         objects that waited were damaged on this machine; they were set aside
    """

    trouble: str = ""
    detail: str = ""
    waiting: int = 0  # objects that are durable here and not yet in the final store
    waiting_bytes: int = 0
    oldest_at: int = 0  # when the oldest of them arrived, UTC milliseconds
    stuck: int = 0  # damaged while they waited, set aside, and not sent again since
    kept: int = 0  # objects that are in the final store and still on this machine as well
    kept_bytes: int = 0


class ObjectStore(Protocol):
    """Immutable bytes under content-addressed keys.

    Every method raises StorageUnavailable when the store does not answer, and StorageFull when it has no room. After
    `put` returns, the bytes survive a power cut (file and directory fsync, or the store's acknowledgement, verified).
    """

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        """Keep the file under `key`; the same key again is harmless. `consume` lets the store take the file itself
        (link or rename on the same file system) instead of copying. The caller has computed `sha256` while writing;
        the store verifies it where that costs no second read, and always when the bytes cross a network."""
        ...

    def synchroniser(self, folder: Path) -> Synchronise | None:
        """When a file in `folder` becomes an object by its name alone: what makes the bytes of an open file there
        durable, and raises StorageUnavailable. Whoever writes the file, with mode 0444, does well to call it himself
        and to say `synced` when it is put. None elsewhere."""
        ...

    def put_many(
        self, items: list[tuple[str, Path, str]], *, consume: bool = False, synced: bool = False
    ) -> list[StoredObject]:
        """Like `put` for a group, with one durability round for all of them: all are kept, or an error is raised
        and any part may be there (harmless: nothing points to it). `synced`: see `synchroniser`."""
        ...

    def put_bytes(self, key: str, data: bytes) -> StoredObject:
        """Keep small derived bytes (thumbnail, manifest) under `key`."""
        ...

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """The bytes, or a range of them. Raises ObjectMissing; short reads raise ObjectCorrupt."""
        ...

    def open(self, key: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        """A stream of the bytes or a range; the caller closes it."""
        ...

    def stat(self, key: str) -> StoredObject | None:
        """Size and time of the object (sha256 from its key), or None."""
        ...

    def delete(self, key: str) -> None:
        """Forget the object; a missing one is harmless. Only sweeping and purging call this."""
        ...

    def set_aside(self, key: str, aside: str) -> None:
        """What lies under `key` is wrong: keep it under `aside`, so that the right bytes can be put in its place. A
        store that has a second copy which is right puts that one there itself."""
        ...

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key starts with `prefix`, in key order."""
        ...

    def verified(self, key: str) -> StoredObject | None:
        """The object as its *final* store has it, after reading all its bytes back and comparing their SHA-256 with
        the key; None when it is not there (yet). Raises ObjectCorrupt. This is what storage commitment asks."""
        ...

    def settle(self, most: int = 16) -> int:
        """Bring up to `most` objects, oldest first, from where they wait to their final store; how many came there.
        A background job calls this again and again. Nothing to do where there is only one place."""
        ...

    def recheck(self) -> str:
        """Somebody has looked at the disk after an fsync failed: try it, read back what was stored shortly before, and
        take new objects again; a sentence. Raises StorageUnavailable or ObjectCorrupt when it is not well."""
        ...

    def condition(self) -> Condition:
        """How the store is doing, without asking it anything that takes long."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The file behind the key when there is one on this machine (for sendfile), else None."""
        ...

    def descriptor(self, key: str, end: int) -> int | None:
        """The file behind the key opened for reading, for sendfile; the caller closes it. None when there is no file on
        this machine. Raises ObjectMissing, and ObjectCorrupt when it has less than `end` bytes."""
        ...

    def check(self) -> str:
        """Write, read back and delete a small object where what arrives is put; a sentence for `doctor`. Raises
        StorageUnavailable."""
        ...

    def check_final(self) -> str:
        """The same in the final store, where that is another place."""
        ...


def object_key(hospital_code: str, sha256: str) -> str:
    """Where an instance's bytes live: no patient data, spread early."""
    return f"{hospital_code}/o/{sha256[:2]}/{sha256}"


def derived_key(hospital_code: str, kind: str, sha256: str) -> str:
    """Where derived bytes (kind "manifest", "thumbnail", "rendition") live; they can be made again."""
    return f"{hospital_code}/d/{kind}/{sha256[:2]}/{sha256}"


def receipt_key(hospital_code: str, day: str, sha256: str) -> str:
    """Where receipts of a day (yyyymmdd) live: who brought which objects, and when."""
    return f"{hospital_code}/r/{day}/{sha256}"


def attachment_key(hospital_code: str, sha256: str) -> str:
    """Where photos and PDFs of consultations live, at the hospital that asked."""
    return f"{hospital_code}/c/{sha256[:2]}/{sha256}"


def sound_key(hospital_code: str, sha256: str) -> str:
    """Where recorded voices of live rooms live, at the hospital of the room."""
    return f"{hospital_code}/v/{sha256[:2]}/{sha256}"


def quarantine_key(hospital_code: str, sha256: str) -> str:
    """Where bytes live that could not be read as an instance."""
    return f"{hospital_code}/q/{sha256[:2]}/{sha256}"


def aside_key(object_key: str, at: int) -> str:
    """Where the bytes go that are no longer those of `object_key`; found at this instant (UTC milliseconds)."""
    return f"{aside_prefix(object_key)}{at}"


def aside_prefix(object_key: str) -> str:
    """How every key begins under which bytes of `object_key` were set aside."""
    hospital_code, _, spread, name = object_key.split("/")
    return f"{hospital_code}/x/{spread}/{name}."
