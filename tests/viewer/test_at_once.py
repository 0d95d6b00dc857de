"""Frames answered by the main loop of a worker, over real connections."""

import contextlib
import http.client
import json
import os
import re
import selectors
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser

from tests.support.waiting import until
from tests.viewer import test_serve
from tests.viewer.objects import instance
from tests.viewer.test_serve import Served, serving
from viewer.at_once import AtOnce
from viewer.heads import Again, Heads
from viewer.sending import FileBody
from viewer.serve import Connection

COUNTED = """
from viewer import at_once
take = at_once.AtOnce.takes
def counted(self, conn):
    taken = take(self, conn)
    if taken:
        with open(sys.argv[1] + "/taken", "ab") as file:
            file.write(b".")
    return taken
at_once.AtOnce.takes = counted
"""
ACCEPT = "application/octet-stream"
REQUEST = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 12 << 20  # bytes of a frame that no socket takes at once


@dataclass
class Study:
    """A study in a server, and who may see it."""

    served: Served
    paths: list[str]
    pixels: list[bytes]
    headers: dict[str, str]

    def connection(self) -> http.client.HTTPConnection:
        return self.served.connection()

    def get(self, connection: http.client.HTTPConnection, number: int) -> tuple[int, bytes]:
        connection.request("GET", self.paths[number], headers=self.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    @property
    def taken(self) -> int:
        """How many requests main loops have answered."""
        file = self.served.data / "taken"
        return file.stat().st_size if file.exists() else 0

    def known(self, number: int = 0) -> http.client.HTTPConnection:
        """A connection on which the main loop answers with this frame, where the file system lets it."""
        connection = self.connection()

        def next_is() -> bool:
            before = self.taken
            assert self.get(connection, number) == (200, self.pixels[number])
            return self.taken > before or not self.can_be

        until(next_is)
        return connection

    @property
    def can_be(self) -> bool:
        """Whether the file system says what is in memory."""
        files = [path for path in (self.served.data / "objects").glob("*/o/*/*") if path.stat().st_size < LARGE]
        descriptor = os.open(files[0], os.O_RDONLY)
        body = FileBody(descriptor, 0, len(os.pread(descriptor, 100, 0)))
        try:
            return body.is_in_memory()
        finally:
            body.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_serve, "PROGRAM", test_serve.PROGRAM.replace("vars(serve)", COUNTED + "vars(serve)"))
        running = serving(tmp_path_factory.mktemp("at-once"))
        served = next(running)
    try:
        yield stored(served)
    finally:
        next(running, None)


def stored(served: Served) -> Study:
    """Two small frames and a large one, brought by STOW-RS."""
    signed_in = served.sign_in()
    study, series, paths, pixels = "1.2.9", "1.2.9.1", [], []
    for number, (rows, columns) in enumerate([(2, 2), (3, 2), (2048, LARGE // 4096)]):
        data = os.urandom(rows * columns * 2)
        sop = f"1.2.9.1.{number + 1}"
        part = instance(
            StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=sop, Rows=rows, Columns=columns,
            PixelData=data,
        )  # fmt: skip
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n--x--\r\n"
        type = 'multipart/related; type="application/dicom"; boundary=x'
        status, _, said = served.ask("POST", "/dicom-web/studies", body, Content_Type=type, **signed_in)
        assert status == 200, said
        paths.append(f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames/1")
        pixels.append(data)
    return Study(served, paths, pixels, {"Cookie": signed_in["Cookie"], "Accept": ACCEPT})


def begun(connection: http.client.HTTPConnection, study: Study) -> socket.socket:
    """The connection when the large frame has begun to come on it."""
    connection.request("GET", study.paths[2], headers=study.headers)
    assert isinstance(connection.sock, socket.socket)
    assert connection.sock.recv(1, socket.MSG_PEEK)
    return connection.sock


def test_frames_come_whole_and_in_order(study: Study) -> None:
    connection = study.known()
    before = study.taken
    for number in (1, 0, 1, 0, 2, 2, 2, 1):
        assert study.get(connection, number) == (200, study.pixels[number])
    assert study.taken > before or not study.can_be
    connection.close()


def test_a_frame_larger_than_any_buffer_comes_whole_to_who_takes_it_slowly(study: Study) -> None:
    slow, quick = study.known(2), study.known()
    begun(slow, study)
    for number in (0, 1, 0):  # nobody else waits for it
        assert study.get(quick, number) == (200, study.pixels[number])
    assert slow.getresponse().read() == study.pixels[2]
    assert study.get(slow, 1) == (200, study.pixels[1])
    slow.close()
    quick.close()


def test_a_client_that_goes_away_in_the_middle_is_forgotten(study: Study) -> None:
    gone, other = study.known(2), study.known()
    begun(gone, study).close()
    gone.close()
    assert study.get(other, 2) == (200, study.pixels[2])
    other.close()


def test_a_session_that_ended_gets_no_frame_more_on_its_connection(study: Study) -> None:
    own = study.served.sign_in()
    person = Study(study.served, study.paths, study.pixels, {"Cookie": own["Cookie"], "Accept": ACCEPT})
    connection = person.known()
    assert study.served.ask("DELETE", "/api/session", **own)[0] == 204
    assert person.get(connection, 0)[0] == 401
    connection.close()


def test_another_question_on_the_same_connection_is_answered_too(study: Study) -> None:
    connection = study.known()
    for _ in range(2):
        connection.request("GET", "/api/session", headers=study.headers)
        answer = connection.getresponse()
        assert (answer.status, "csrf" in json.loads(answer.read())) == (200, True)
        assert study.get(connection, 1) == (200, study.pixels[1])
    connection.close()


def test_each_has_its_line_in_the_journal(study: Study) -> None:
    connection = study.known()
    headers = {**study.headers, "X-Request-Id": "0123456789abcdef"}
    for _ in range(3):
        connection.request("GET", study.paths[2], headers=headers)
        assert connection.getresponse().read() == study.pixels[2]
    connection.close()
    line = re.compile(r"INFO r-0123456789abcdef viewer\.requests: GET \S+/frames/1 200 \d+ ms user-\d+ 127\.0\.0\.1")
    until(lambda: len(line.findall(Path(study.served.log).read_text())) == 3)


def test_requests_that_come_before_their_answers_are_answered_in_order(study: Study) -> None:
    connection = study.known()
    assert isinstance(connection.sock, socket.socket)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", **study.headers}.items())
    for path in (study.paths[0], study.paths[1], study.paths[0]):
        connection.sock.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    connection.sock.settimeout(60)
    data = b""
    while data.count(b"HTTP/1.1 200") < 3 or not data.endswith(study.pixels[0]):
        data += connection.sock.recv(65536)
    answers = [answer.partition(b"\r\n\r\n")[2] for answer in data.split(b"HTTP/1.1 200 OK")[1:]]
    assert answers == [study.pixels[0], study.pixels[1], study.pixels[0]]
    connection.close()


def test_frames_that_have_to_be_read_from_the_disk_come_whole(study: Study) -> None:
    objects = list((study.served.data / "objects").glob("*/o/*/*"))
    connection = study.known()
    for _ in range(3):
        for path in objects:
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
        for number in (0, 1, 2, 1):
            assert study.get(connection, number) == (200, study.pixels[number])
    connection.close()


class Loop:
    """What `AtOnce` needs of a worker, with one connection that waits for a request."""

    alive, nr, nr_conns = True, 0, 1
    cfg = Config()

    def __init__(self) -> None:
        self.client, self.server = socket.socketpair()
        self.poller = selectors.DefaultSelector()
        self.conn = Connection(self.cfg, self.server, ("127.0.0.1", 1), ("127.0.0.1", 2))
        self.conn.parser = Heads(get_parser(self.cfg, self.server, self.conn.client))
        self.conn.set_timeout()
        self.keepalived_conns = deque([self.conn])
        self.poller.register(self.server, selectors.EVENT_READ, None)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """For a thread; not needed here."""


def asked_for(loop: Loop, file: Path, silence_seconds: float) -> AtOnce:
    """The loop in the middle of an answer that the client does not take."""
    at_once = AtOnce(
        loop, lambda *_: FileBody(os.open(file, os.O_RDONLY), 0, LARGE), lambda _: b"head", silence_seconds
    )
    learns(loop, at_once)
    return at_once


def learns(loop: Loop, at_once: AtOnce) -> None:
    """The head of a request is known after the first, and the second is answered."""
    for known in (False, True):
        loop.client.sendall(REQUEST)
        assert at_once.takes(loop.conn) is known
        if not known:
            first = next(loop.conn.parser)
            loop.conn.parser.keep(first, {"SCRIPT_NAME": "", "PATH_INFO": "/a"})


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.client.close()
    made.server.close()


def test_who_takes_nothing_of_an_answer_for_long_is_sent_away(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(LARGE))
    asked_for(loop, tmp_path / "large", silence_seconds=3600).end_silent()
    assert loop.nr_conns == 1
    asked = Loop()
    asked_for(asked, tmp_path / "large", silence_seconds=-1).end_silent()
    assert (asked.nr_conns, len(asked.keepalived_conns), asked.server.fileno()) == (0, 0, -1)
    asked.client.close()


def test_what_was_begun_goes_on_when_it_can(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(LARGE))
    asked_for(loop, tmp_path / "large", silence_seconds=3600)
    assert not loop.keepalived_conns
    received = 0
    while not loop.keepalived_conns:
        received += len(loop.client.recv(1 << 20))
        for key, _ in loop.poller.select(0):
            key.data(key.fileobj)
    loop.client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while data := loop.client.recv(1 << 20):
            received += len(data)
    assert received == len(b"head") + LARGE
    assert list(loop.keepalived_conns) == [loop.conn]


def test_what_follows_is_begun_while_it_has_to_be_read_from_the_disk(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "frame").write_bytes(b"frame")
    needed, begun = [True, True, False], list[bytes]()

    def following() -> bool:
        begun.append(loop.client.recv(100))
        return needed.pop(0)

    def ask(*_: object) -> FileBody:
        body = FileBody(os.open(tmp_path / "frame", os.O_RDONLY), 0, 5)
        body.following = following
        return body

    at_once = AtOnce(loop, ask, lambda _: b"head ", 3600)
    learns(loop, at_once)
    assert begun == []  # nothing had to be read
    assert loop.client.recv(100) == b"head frame"
    loop.conn.reads_ahead = True
    for _ in range(4):
        loop.client.sendall(REQUEST)
        assert at_once.takes(loop.conn)
    assert begun == [b"head frame"] * 3  # after the answer, until it was in memory
    assert loop.client.recv(100) == b"head frame"


def test_an_answer_that_cannot_be_sent_ends_the_connection(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    asked_for(loop, tmp_path / "short", silence_seconds=3600)
    assert (loop.nr_conns, len(loop.keepalived_conns), loop.server.fileno()) == (0, 0, -1)


def test_what_goes_wrong_in_the_main_loop_is_left_to_a_thread(loop: Loop) -> None:
    def fails(*_: object) -> FileBody:
        raise RuntimeError("nobody expected this")

    at_once = AtOnce(loop, fails, lambda _: b"head", 3600)
    loop.client.sendall(REQUEST)
    assert not at_once.takes(loop.conn)
    loop.conn.parser.keep(next(loop.conn.parser), {"SCRIPT_NAME": "", "PATH_INFO": "/a"})
    loop.client.sendall(REQUEST)
    assert not at_once.takes(loop.conn)
    assert isinstance(next(loop.conn.parser), Again)
    assert (loop.nr_conns, list(loop.keepalived_conns)) == (1, [loop.conn])
