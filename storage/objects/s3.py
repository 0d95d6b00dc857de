"""Objects in an S3 bucket, through minio-py.

An ETag says nothing we rely on (it is not a hash with multipart or encryption). The bytes are hashed before they leave,
and what the store then has is read back when it is small or `strict` asks for it; else its size and our own metadata
are looked at.
"""

import hashlib
import io
import os
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import parse_qs, urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from storage.errors import ArchiveError, ObjectCorrupt, ObjectMissing, StorageFull, StorageUnavailable
from storage.model.archive import StoredObject
from storage.objects.names import checked_key, checked_prefix, is_key, sha256_of_key
from storage.objects.streams import FetchedRange
from storage.objects.threads import Threads

_CONNECT_S = 3.0
_READ_S = 20.0
_TRIES = 3
_READ_BACK = 1 << 20
_CHUNK = 1 << 20
_MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion"}
_FULL = {"XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity"}
_FULL_STATUS = 507
_SHA256_HEADER = "x-amz-meta-sha256"
_SIZE_HEADER = "x-amz-meta-size"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the objects are: ``s3://host:port/bucket[/prefix]?secure=false&region=…&strict=true``."""

    endpoint: str
    bucket: str
    prefix: str
    secure: bool
    region: str
    strict: bool

    @classmethod
    def of(cls, url: str) -> "S3Place":
        parts = urlsplit(url)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if parts.scheme != "s3" or not parts.hostname or not bucket or parts.username:
            raise ValueError("an S3 store is named s3://host:port/bucket[/prefix], its keys are given apart")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
            raise ValueError(f"{bucket!r} is no name of a bucket: 3 to 63 small letters, digits, dots and hyphens")
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if unknown := set(options) - {"secure", "region", "strict"}:
            raise ValueError(f"unknown setting of an S3 store: {', '.join(sorted(unknown))}")
        return cls(
            endpoint=parts.netloc,
            bucket=bucket,
            prefix=f"{checked_key(prefix)}/" if prefix else "",
            secure=_flag(options, "secure", default=True),
            region=options.get("region", ["us-east-1"])[-1],
            strict=_flag(options, "strict", default=False),
        )

    def __str__(self) -> str:
        return f"s3://{self.endpoint}/{self.bucket}"


class S3Store:
    """A bucket, or the part of it below a prefix. The bucket is made when it is missing."""

    def __init__(self, url: str, access_key: str, secret_key: str, region: str = "", *, threads: int = 8) -> None:
        self._place = S3Place.of(url)
        self._keys = (access_key, secret_key)
        self._region = region or self._place.region
        self._threads = Threads(threads, "s3")
        self._connections = 2 * threads
        self._client: tuple[int, Minio] | None = None
        self._bucket_there = False

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        return self.put_many([(key, source, sha256)], consume=consume)[0]

    def put_many(self, items: list[tuple[str, Path, str]], *, consume: bool = False) -> list[StoredObject]:
        stored = self._threads.over(lambda item: self._put_file(checked_key(item[0]), item[1], item[2]), items)
        if consume:
            for _, source, _ in items:
                source.unlink(missing_ok=True)
        return stored

    def put_bytes(self, key: str, data: bytes) -> StoredObject:
        return self._put(checked_key(key), io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest())

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        if length == 0 or (offset and length is None):
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
        fetched = FetchedRange(lambda at: self._body(key, offset + at, wanted - at), wanted)
        return io.BufferedReader(fetched, _CHUNK >> 3)

    def stat(self, key: str) -> StoredObject | None:
        try:
            with self._said(checked_key(key)):
                found = self._minio().stat_object(self._place.bucket, self._name(key))
        except ObjectMissing:
            return None
        return StoredObject(key, found.size or 0, sha256_of_key(key), _instant(found.last_modified))

    def delete(self, key: str) -> None:
        try:
            with self._said(checked_key(key)):
                self._minio().remove_object(self._place.bucket, self._name(key))
        except ObjectMissing:
            return

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        """Walks level by level and sorts each: some servers list "a/x" before "a-b/x", others after it."""
        yield from self._walk(self._name(checked_prefix(prefix)))

    def local_path(self, key: str) -> Path | None:
        checked_key(key)
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

    def _walk(self, prefix: str) -> Iterator[StoredObject]:
        with self._said(prefix):
            listed = [
                (found.object_name or "", found.size or 0, _instant(found.last_modified))
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
        there = self.stat(key)
        if there is None:
            with self._said(key):
                self._minio().put_object(
                    self._place.bucket, self._name(key), data, size, metadata={"sha256": sha256, "size": str(size)}
                )
            there = self._verified(key, size, sha256)
        if there.size != size:
            raise ObjectCorrupt(f"{key} has {there.size} bytes, the same content has {size}")
        return StoredObject(key, size, sha256, there.stored_at)

    def _verified(self, key: str, size: int, sha256: str) -> StoredObject:
        """What the store says it has, after a put; its bytes too when that is cheap or strict."""
        if self._place.strict or size <= _READ_BACK:
            with self._body(key, 0, None) as body:
                digest = body.sha256()
            facts = (digest, body.kept_sha256, body.stored_at)
        else:
            with self._said(key):
                found = self._minio().stat_object(self._place.bucket, self._name(key))
            metadata = {name.lower(): value for name, value in (found.metadata or {}).items()}
            facts = (sha256 if found.size == size else "", metadata.get(_SHA256_HEADER), _instant(found.last_modified))
        if facts[0] != sha256 or facts[1] != sha256:
            self.delete(key)
            raise StorageUnavailable(f"{self._place} did not keep the bytes and metadata it was given")
        return StoredObject(key, size, sha256, facts[2])

    def _size(self, key: str) -> int:
        found = self.stat(key)
        if found is None:
            raise ObjectMissing(f"{key} is not in the store")
        return found.size

    def _get(self, key: str, offset: int, length: int | None) -> bytes:
        with self._body(checked_key(key), offset, length) as body:
            return body.read()

    def _body(self, key: str, offset: int, length: int | None) -> "_Body":
        with self._said(key):
            response = self._minio().get_object(self._place.bucket, self._name(key), offset, length or 0)
        body = _Body(self, key, response)
        try:
            body.must_have(length)
        except ArchiveError:
            body.close()
            raise
        return body

    def _again(self, attempt: Callable[[], Answer]) -> Answer:
        """A body that broke off is asked for again; requests themselves are already repeated below."""
        for wait in range(1, _TRIES):
            try:
                return attempt()
            except _BrokenOff:
                time.sleep(random.uniform(0.05, 0.2) * wait)
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
                http_client=_pool(self._connections, secure=self._place.secure),
            )
            client = self._client = (os.getpid(), minio)
        if not self._bucket_there:
            _make_bucket(client[1], self._place.bucket)
            self._bucket_there = True
        return client[1]

    @contextmanager
    def _said(self, key: str) -> Iterator[None]:
        """What the server or the way to it reports, in our words."""
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


class _BrokenOff(StorageUnavailable):
    """The connection ended in the middle of a body."""


class _Body:
    """The body of a GET: all its announced bytes, or an error."""

    def __init__(self, store: S3Store, key: str, response: BaseHTTPResponse) -> None:
        self._store = store
        self._key = key
        self._response = response
        self._left = int(response.headers["Content-Length"])
        self.kept_sha256 = response.headers.get(_SHA256_HEADER)
        self.stored_at = _instant(parsedate_to_datetime(response.headers["Last-Modified"]))

    def __enter__(self) -> "_Body":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def must_have(self, length: int | None) -> None:
        kept = self._response.headers.get(_SIZE_HEADER)
        wanted = length if length is not None else int(kept) if kept is not None else self._left
        if self._left != wanted:
            raise ObjectCorrupt(f"{self._key} gives {self._left} bytes where {wanted} were expected")

    def read(self) -> bytes:
        data = bytearray(self._left)
        view = memoryview(data)
        while view:
            view = view[self.readinto(view) :]
        return bytes(data)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        view = memoryview(bytearray(min(self._left, _CHUNK)))
        while self._left:
            digest.update(view[: self.readinto(view)])
        return digest.hexdigest()

    def readinto(self, view: memoryview, /) -> int:
        try:
            data = self._response.read(min(len(view), _CHUNK))
        except (HTTPError, OSError) as error:
            raise _BrokenOff(f"the connection broke {self._left} bytes before the end of {self._key}") from error
        if not data and self._left:
            raise _BrokenOff(f"the connection ended {self._left} bytes before the end of {self._key}")
        view[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        if self._left:
            self._response.close()  # unread bytes: the connection cannot be used again
        self._response.release_conn()


def _pool(connections: int, *, secure: bool) -> urllib3.PoolManager:
    retries = urllib3.Retry(
        total=_TRIES,
        backoff_factor=0.1,
        backoff_jitter=0.2,
        status_forcelist=(500, 502, 503, 504),
        allowed_methods=None,  # every request here may be repeated: keys are content-addressed
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
    context = ssl.create_default_context() if secure else None
    return urllib3.PoolManager(maxsize=connections, timeout=timeout, retries=retries, ssl_context=context)


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


def _instant(last_modified: datetime | None) -> int:
    """UTC milliseconds, in whole seconds: listing and looking at one object must say the same."""
    return 0 if last_modified is None else int(last_modified.timestamp()) * 1000


def _flag(options: dict[str, list[str]], name: str, *, default: bool) -> bool:
    text = options.get(name, [str(default).lower()])[-1]
    if text not in {"true", "false"}:
        raise ValueError(f"{name} of an S3 store is true or false, not {text!r}")
    return text == "true"
