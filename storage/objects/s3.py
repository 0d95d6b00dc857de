"""Objects in an S3 bucket, through minio-py.

An ETag says nothing we rely on (it is not a hash with multipart or encryption), and there are servers that accept a
wrong ``x-amz-checksum-sha256``. So the bytes are hashed before they leave, and what the store then has is read back and
hashed before a put returns. An object that is read whole is hashed as well.
"""

import hashlib
import io
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.commonconfig import CopySource
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from storage.errors import ArchiveError, ObjectCorrupt, ObjectMissing, StorageFull, StorageUnavailable
from storage.model.archive import StoredObject
from storage.objects.base import Condition, Synchronise
from storage.objects.body import CHUNK, Body, BrokenOff, instant
from storage.objects.breaker import Breaker
from storage.objects.names import checked_key, checked_prefix, is_key, sha256_of_key
from storage.objects.requests import pool
from storage.objects.streams import FetchedRange
from storage.objects.threads import Threads

log = logging.getLogger(__name__)

_TRIES = 3
_MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion"}
_FULL = {"XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity"}
_FULL_STATUS = 507

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the objects are: ``s3://host:port/bucket[/prefix]?secure=false&region=…``."""

    endpoint: str
    bucket: str
    prefix: str
    secure: bool
    region: str

    @classmethod
    def of(cls, url: str) -> "S3Place":
        parts = urlsplit(url)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if parts.scheme != "s3" or not parts.hostname or not bucket or parts.username:
            raise ValueError("an S3 store is named s3://host:port/bucket[/prefix], its keys are given apart")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
            raise ValueError(f"{bucket!r} is no name of a bucket: 3 to 63 small letters, digits, dots and hyphens")
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if unknown := set(options) - {"secure", "region"}:
            raise ValueError(f"unknown setting of an S3 store: {', '.join(sorted(unknown))}")
        return cls(
            endpoint=parts.netloc,
            bucket=bucket,
            prefix=f"{checked_key(prefix)}/" if prefix else "",
            secure=_flag(options, "secure", default=True),
            region=options.get("region", ["us-east-1"])[-1],
        )

    def __str__(self) -> str:
        return f"s3://{self.endpoint}/{self.bucket}"


class S3Store:
    """A bucket, or the part of it below a prefix. The bucket is made when it is missing. Requests that fail are tried
    `tries` times in all, with jitter; while the server does not answer at all, everybody hears so at once."""

    def __init__(
        self, url: str, access_key: str, secret_key: str, region: str = "", *, threads: int = 8, tries: int = _TRIES
    ) -> None:
        self._place = S3Place.of(url)
        self._keys = (access_key, secret_key)
        self._region = region or self._place.region
        self._threads = Threads(threads, "s3")
        self._connections = 2 * threads
        self._tries = tries
        self._breaker = Breaker()
        self._client: tuple[int, Minio] | None = None
        self._bucket_there = False

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        return self.put_many([(key, source, sha256)], consume=consume)[0]

    def synchroniser(self, folder: Path) -> Synchronise | None:
        return None

    def put_many(
        self, items: list[tuple[str, Path, str]], *, consume: bool = False, synced: bool = False
    ) -> list[StoredObject]:
        stored = self._threads.over(lambda item: self._put_file(checked_key(item[0]), item[1], item[2]), items)
        if consume:
            for _, source, _ in items:
                source.unlink(missing_ok=True)
        return stored

    def put_bytes(self, key: str, data: bytes) -> StoredObject:
        return self._put(checked_key(key), io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest())

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        if offset == 0 and length is None:
            return self._again(lambda: self._get_whole(key))
        if length == 0 or length is None:
            size = self._size(key)
            length = size - offset if length is None else length
            _must_have(key, size, offset, length)
            if length == 0:
                return b""
        return self._again(lambda: self._get(key, offset, length))

    def open(self, key: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        size = self._size(key)
        wanted = size - offset if length is None else length
        _must_have(key, size, offset, wanted)
        fetched = FetchedRange(lambda at: self._body(key, offset + at, wanted - at).unhurried(), wanted)
        return io.BufferedReader(fetched, CHUNK >> 3)

    def stat(self, key: str) -> StoredObject | None:
        try:
            with self._said(checked_key(key)):
                found = self._minio().stat_object(self._place.bucket, self._name(key))
        except ObjectMissing:
            return None
        return StoredObject(key, found.size or 0, sha256_of_key(key), instant(found.last_modified))

    def delete(self, key: str) -> None:
        try:
            with self._said(checked_key(key)):
                self._minio().remove_object(self._place.bucket, self._name(key))
        except ObjectMissing:
            return

    def set_aside(self, key: str, aside: str) -> None:
        with suppress(ObjectMissing), self._said(checked_key(key)):
            source = CopySource(self._place.bucket, self._name(key))
            self._minio().copy_object(self._place.bucket, self._name(checked_key(aside)), source)
            self._minio().remove_object(self._place.bucket, self._name(key))

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        """Walks level by level and sorts each: some servers list "a/x" before "a-b/x", others after it."""
        yield from self._walk(self._name(checked_prefix(prefix)))

    def local_path(self, key: str) -> Path | None:
        checked_key(key)
        return None

    def descriptor(self, key: str, end: int) -> int | None:
        return None

    def check(self) -> str:
        begun = time.perf_counter()
        key, data = f"check/{os.urandom(16).hex()}", os.urandom(64)
        self.put_bytes(key, data)
        try:
            if self.get(key) != data:
                raise StorageUnavailable(f"{self._place} gave back other bytes than it was given")
        finally:
            self.delete(key)
        ms = (time.perf_counter() - begun) * 1000
        return f"{self._place}: wrote, read back and deleted an object in {ms:.0f} ms"

    def verified(self, key: str) -> StoredObject | None:
        try:
            return self._again(lambda: self._read_back(checked_key(key)))
        except ObjectMissing:
            return None

    def settle(self, most: int = 0) -> int:
        return 0

    def check_final(self) -> str:
        return self.check()

    def recheck(self) -> str:
        return self.check()

    def condition(self) -> Condition:
        if self._breaker.open:
            return Condition(trouble="unreachable", detail=f"{self._place} does not answer")
        return Condition()

    def _walk(self, prefix: str) -> Iterator[StoredObject]:
        with self._said(prefix):
            listed = [
                (found.object_name or "", found.size or 0, instant(found.last_modified))
                for found in self._minio().list_objects(self._place.bucket, prefix=prefix, recursive=False)
            ]
        for name, size, at in sorted(listed):
            if name == prefix:  # some servers list a level that became empty as itself
                continue
            if name.endswith("/"):
                yield from self._walk(name)
            elif is_key(key := name.removeprefix(self._place.prefix)):
                yield StoredObject(key, size, sha256_of_key(key), at)

    def _put_file(self, key: str, source: Path, sha256: str) -> StoredObject:
        try:
            with open(source, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise ObjectCorrupt(f"{source.name} does not have the SHA-256 {sha256}")
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                return self._put(key, file, size, sha256)
        except OSError as error:
            raise StorageUnavailable(f"the received bytes cannot be read: {error.strerror}") from error

    def _put(self, key: str, data: BinaryIO, size: int, sha256: str) -> StoredObject:
        """Send the bytes unless they are there, and read them back. A damaged copy that is there is replaced: the key
        says which bytes are right."""
        if sha256_of_key(key) not in ("", sha256):
            raise ObjectCorrupt(f"the bytes for {key} have the SHA-256 {sha256}")
        there = self._there(key, size, sha256)
        if there is not None:
            return there
        with self._said(key):
            self._minio().put_object(
                self._place.bucket, self._name(key), data, size, metadata={"sha256": sha256, "size": str(size)}
            )
        try:
            return self._again(lambda: self._read_back(key, size, sha256))
        except (ObjectMissing, ObjectCorrupt) as error:
            raise StorageUnavailable(f"{self._place} did not keep the bytes it was given") from error

    def _there(self, key: str, size: int, sha256: str) -> StoredObject | None:
        """The object when it is there already and right; None when it has to be sent."""
        found = self.stat(key)
        if found is None:
            return None
        if not sha256_of_key(key):  # the key does not say which bytes are right, so the first stay
            if found.size != size:
                raise ObjectCorrupt(f"{key} has {found.size} bytes, the same content has {size}")
            return self._again(lambda: self._read_back(key, size, sha256))
        try:
            return self._again(lambda: self._read_back(key, size, sha256))
        except (ObjectMissing, ObjectCorrupt):
            log.warning("what %s has under %s is damaged; the right bytes replace it", self._place, key)
            return None

    def _read_back(self, key: str, size: int | None = None, sha256: str = "") -> StoredObject:
        """The object, after all its bytes were read and have the SHA-256 of the key (or this one)."""
        with self._body(key, 0, None) as body:
            count = body.left
            digest = body.sha256()
        if (size is not None and count != size) or digest != (sha256 or sha256_of_key(key) or digest):
            raise ObjectCorrupt(f"{self._place} gives other bytes for {key} than it was given")
        return StoredObject(key, count, digest, body.stored_at)

    def _size(self, key: str) -> int:
        found = self.stat(key)
        if found is None:
            raise ObjectMissing(f"{key} is not in the store")
        return found.size

    def _get_whole(self, key: str) -> bytes:
        """All bytes, checked against the key; a damaged answer is asked for once more by `_again`."""
        data = self._get(key, 0, None)
        if sha256_of_key(key) not in ("", hashlib.sha256(data).hexdigest()):
            raise ObjectCorrupt(f"{self._place} gives other bytes for {key} than it was given")
        return data

    def _get(self, key: str, offset: int, length: int | None) -> bytes:
        with self._body(checked_key(key), offset, length) as body:
            return body.read()

    def _body(self, key: str, offset: int, length: int | None) -> Body:
        with self._said(key):
            response = self._minio().get_object(self._place.bucket, self._name(key), offset, length or 0)
        body = Body(key, response)
        try:
            body.must_have(offset, length)
        except ArchiveError:
            body.close()
            raise
        return body

    def _again(self, attempt: Callable[[], Answer]) -> Answer:
        """A body that broke off is asked for again, and a damaged one once more: bytes are also damaged on the way.
        Requests themselves are already repeated below."""
        damaged = False
        for wait in range(1, self._tries):
            try:
                return attempt()
            except BrokenOff:
                time.sleep(random.uniform(0.05, 0.2) * wait)
            except ObjectCorrupt:
                if damaged:
                    raise
                damaged = True
        return attempt()

    def _name(self, key: str) -> str:
        return self._place.prefix + key

    def _minio(self) -> Minio:
        """The client of this process (sockets must not be shared after a fork), its bucket made."""
        client = self._client
        if client is None or client[0] != os.getpid():
            minio = Minio(
                self._place.endpoint,
                access_key=self._keys[0],
                secret_key=self._keys[1],
                secure=self._place.secure,
                region=self._region,
                http_client=pool(self._connections, self._tries, secure=self._place.secure),
            )
            client = self._client = (os.getpid(), minio)
        if not self._bucket_there:
            _make_bucket(client[1], self._place.bucket)
            self._bucket_there = True
        return client[1]

    @contextmanager
    def _said(self, key: str) -> Iterator[None]:
        """What the server or the way to it reports, in our words."""
        with self._breaker.guarding(), self._translated(key):
            yield

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            if error.code in _MISSING:
                raise ObjectMissing(f"{key} is not in the store") from error
            if error.code == "NoSuchBucket":
                self._bucket_there = False
            if error.code == "InvalidRange":
                raise ObjectCorrupt(f"{key} is shorter than what was asked for") from error
            if error.code in _FULL or error.response.status == _FULL_STATUS:
                raise StorageFull(f"no room left in {self._place} ({error.code})") from error
            raise StorageUnavailable(f"{self._place} refused: {error.code}") from error
        except (InvalidResponseError, ServerError) as error:
            status = error._code if isinstance(error, InvalidResponseError) else error.status_code
            if status == _FULL_STATUS:
                raise StorageFull(f"no room left in {self._place}") from error
            raise StorageUnavailable(f"{self._place} answered with HTTP status {status}") from error
        except (MinioException, HTTPError, OSError) as error:
            raise StorageUnavailable(f"{self._place} does not answer ({type(error).__name__})") from error
        except (ParseError, ValueError) as error:  # no XML, or no length, where the client library looks for it
            raise StorageUnavailable(f"{self._place} does not answer as an S3 store does") from error


def _make_bucket(minio: Minio, bucket: str) -> None:
    try:
        if not minio.bucket_exists(bucket):
            minio.make_bucket(bucket)
    except S3Error as error:
        # made by another process meanwhile, or keys that may use the bucket but not look at it
        if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists", "AccessDenied"}:
            raise


def _must_have(key: str, size: int, offset: int, length: int) -> None:
    if offset < 0 or length < 0 or offset + length > size:
        raise ObjectCorrupt(f"{key} has {size} bytes, {length} from {offset} were asked for")


def _flag(options: dict[str, list[str]], name: str, *, default: bool) -> bool:
    text = options.get(name, [str(default).lower()])[-1]
    if text not in {"true", "false"}:
        raise ValueError(f"{name} of an S3 store is true or false, not {text!r}")
    return text == "true"
