"""What only a store behind a network can do wrong: seen through a server that misbehaves on purpose."""

import hashlib
import io
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.errors import ObjectCorrupt, ObjectMissing, StorageFull, StorageUnavailable
from storage.objects.base import object_key
from storage.objects.s3 import S3Place, S3Store
from tests.support.s3 import S3Server

DATA = os.urandom(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
KEY = object_key("bv", SHA256)
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
Answer = Callable[[str, str], bytes | None]  # method and path to the whole response, or to a closed connection


@contextmanager
def server_that(answers: Answer) -> Iterator[S3Store]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            length = 0
            while (header := self.rfile.readline().decode().strip().lower()) != "":
                if header.startswith("content-length:"):
                    length = int(header.split(":")[1])
            self.rfile.read(length)
            answer = answers(*line.split(" ")[:2])
            if answer is not None:
                self.wfile.write(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield S3Store(f"s3://127.0.0.1:{server.server_address[1]}/bucket?secure=false", "a", "b")
        finally:
            server.shutdown()
            thread.join()


def response(status: str, body: bytes = b"", length: int | None = None, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    return response(status, body, Content_Type="application/xml")


def test_reads_its_place_from_a_url() -> None:
    place = S3Place.of("s3://store.example:9000/pacs/a/b?secure=false&region=vn-1")
    assert place == S3Place("store.example:9000", "pacs", "a/b/", secure=False, region="vn-1")
    assert S3Place.of("s3://store.example/pacs").secure


@pytest.mark.parametrize(
    "url",
    ["http://h/b", "s3://h", "s3:///b", "s3://k:s@h/b", "s3://h/b?secure=no", "s3://h/b?sceure=true", "s3://h/b/../c"],
)
def test_refuses_a_url_that_means_nothing(url: str) -> None:
    with pytest.raises(ValueError):
        S3Place.of(url)


def test_makes_the_bucket_and_leaves_no_patient_data_in_metadata(s3_server: S3Server, tmp_path: Path) -> None:
    store = S3Store(s3_server.url("made-by-store", "pre"), s3_server.access_key, s3_server.secret_key)
    source = tmp_path / "x"
    source.write_bytes(DATA)
    store.put(KEY, source, SHA256)
    found = s3_server.client().stat_object("made-by-store", f"pre/{KEY}")
    own = {name: value for name, value in (found.metadata or {}).items() if name.lower().startswith("x-amz-meta-")}
    assert {name.lower(): value for name, value in own.items()} == {
        "x-amz-meta-sha256": SHA256,
        "x-amz-meta-size": str(len(DATA)),
    }


def test_reads_large_objects_back(s3_server: S3Server, tmp_path: Path) -> None:
    data = os.urandom(7 << 20)
    source = tmp_path / "x"
    source.write_bytes(data)
    store = S3Store(s3_server.url("large"), s3_server.access_key, s3_server.secret_key)
    digest = hashlib.sha256(data).hexdigest()
    assert store.put(object_key("bv", digest), source, digest).size == len(data)


def test_wrong_keys_are_unavailable(s3_server: S3Server) -> None:
    store = S3Store(s3_server.url("stores"), s3_server.access_key, "wrong")
    with pytest.raises(StorageUnavailable):
        store.get(KEY)
    with pytest.raises(StorageUnavailable):
        list(store.keys())


def test_a_damaged_object_is_corrupt_until_the_right_bytes_come_again(s3_server: S3Server) -> None:
    store = S3Store(s3_server.url("short"), s3_server.access_key, s3_server.secret_key)
    store.put_bytes(KEY, DATA)
    metadata: dict[str, str | list[str] | tuple[str]] = {"sha256": SHA256, "size": str(len(DATA))}
    s3_server.client().put_object("short", KEY, io.BytesIO(DATA[:-1]), len(DATA) - 1, metadata=metadata)
    with pytest.raises(ObjectCorrupt):
        store.get(KEY)
    with pytest.raises(ObjectCorrupt):
        store.get(KEY, 10, len(DATA) - 10)
    with pytest.raises(ObjectCorrupt):
        store.verified(KEY)
    store.put_bytes(KEY, DATA)
    assert store.get(KEY) == DATA
    s3_server.client().put_object("short", KEY, io.BytesIO(bytes(len(DATA))), len(DATA), metadata=metadata)
    for ask in (store.get, store.verified):
        with pytest.raises(ObjectCorrupt):
            ask(KEY)
    store.put_bytes(KEY, DATA)
    assert store.verified(KEY) is not None


def test_nobody_there_is_unavailable_soon() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.monotonic()
    with pytest.raises(StorageUnavailable):
        S3Store(f"s3://127.0.0.1:{port}/bucket?secure=false", "a", "b").put_bytes(KEY, DATA)
    assert time.monotonic() - begun < 60  # what tries again as often as the library does by itself takes minutes


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("503 Slow Down", "SlowDown"), StorageUnavailable),
        (error("500 Internal Server Error", "InternalError"), StorageUnavailable),
        (error("403 Forbidden", "AccessDenied"), StorageUnavailable),
        (error("507 Insufficient Storage", "XMinioStorageFull"), StorageFull),
        (error("403 Forbidden", "QuotaExceeded"), StorageFull),
        (response("507 Insufficient Storage", b"full", Content_Type="text/plain"), StorageFull),
        (response("200 OK", b"", ETag='"x"'), StorageUnavailable),  # says yes and keeps nothing
        (None, StorageUnavailable),
    ],
)
def test_what_a_put_may_meet(answer: bytes | None, kind: type[StorageUnavailable]) -> None:
    def answers(method: str, path: str) -> bytes | None:
        if method == "HEAD":
            return response("404 Not Found" if KEY in path else "200 OK")
        if method == "GET":
            return response("200 OK", b"other bytes", Last_Modified=DATE, X_Amz_Meta_Sha256=SHA256)
        return response("204 No Content") if method == "DELETE" else answer

    with server_that(answers) as store, pytest.raises(StorageUnavailable) as raised:
        store.put_bytes(KEY, DATA)
    assert type(raised.value) is kind


def test_a_hiccup_is_tried_again() -> None:
    tries: list[str] = []

    def answers(method: str, path: str) -> bytes | None:
        tries.append(method)
        if method == "HEAD":
            return response("200 OK")
        if len(tries) < 4:
            return error("503 Slow Down", "SlowDown")
        return response("200 OK", DATA, Last_Modified=DATE)

    with server_that(answers) as store:
        assert store.get(KEY) == DATA


def test_a_broken_off_answer_is_asked_for_again_and_then_unavailable() -> None:
    tries: list[str] = []

    def answers(method: str, path: str) -> bytes | None:
        tries.append(method)
        if method == "HEAD":
            return response("200 OK")
        whole = len(tries) >= healthy_from
        return response("200 OK", DATA if whole else DATA[:1000], length=len(DATA), Last_Modified=DATE)

    healthy_from = 3
    with server_that(answers) as store:
        assert store.get(KEY) == DATA
    tries.clear()
    healthy_from = 1000
    with server_that(answers) as store, pytest.raises(StorageUnavailable):
        store.get(KEY)


def test_a_server_that_ignores_ranges_is_found_out() -> None:
    def answers(method: str, path: str) -> bytes | None:
        return response("200 OK", b"" if method == "HEAD" else DATA, length=len(DATA), Last_Modified=DATE)

    with server_that(answers) as store, pytest.raises(ObjectCorrupt):
        store.get(KEY, 100, 50)


def test_missing_is_not_unavailable(s3_server: S3Server) -> None:
    store = S3Store(s3_server.url("stores"), s3_server.access_key, s3_server.secret_key)
    with pytest.raises(ObjectMissing):
        store.get(KEY[:-1] + ("0" if KEY[-1] != "0" else "1"))
