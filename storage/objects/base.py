"""What an object store does, whatever it is made of."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from storage.model.archive import StoredObject


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

    def put_many(self, items: list[tuple[str, Path, str]], *, consume: bool = False) -> list[StoredObject]:
        """Like `put` for a group, with one durability round for all of them: all are kept, or an error is raised
        and any part may be there (harmless: nothing points to it)."""
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

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key starts with `prefix`, in key order."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The file behind the key when there is one on this machine (for sendfile), else None."""
        ...

    def check(self) -> str:
        """Write, read back and delete a small object; a sentence for `doctor`. Raises StorageUnavailable."""
        ...


def object_key(hospital_code: str, sha256: str) -> str:
    """Where an instance's bytes live: no patient data, spread early."""
    return f"{hospital_code}/o/{sha256[:2]}/{sha256}"


def derived_key(hospital_code: str, kind: str, sha256: str) -> str:
    """Where derived bytes (kind "manifest", "thumbnail", "rendition") live; they can be made again."""
    return f"{hospital_code}/d/{kind}/{sha256[:2]}/{sha256}"


def quarantine_key(hospital_code: str, sha256: str) -> str:
    """Where bytes live that could not be read as an instance."""
    return f"{hospital_code}/q/{sha256[:2]}/{sha256}"
