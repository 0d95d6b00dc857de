"""A head that was read before is not read again, and means the same."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi

from viewer.heads import Again, Heads

CLIENT, SERVER = ("127.0.0.1", 40000), ("127.0.0.1", 8080)
LINES = b"Host: pacs.test\r\nAccept: image/jpeg\r\nCookie: hoichan=secret\r\nX-Forwarded-For: 10.0.0.9\r\n\r\n"


class Wire:
    """A connection, read as our worker reads it."""

    def __init__(self) -> None:
        self.cfg = Config()
        self.client, self.server = socket.socketpair()
        self.heads = Heads(get_parser(self.cfg, self.server, CLIENT))

    def ask(self, head: bytes) -> tuple[bool, dict[str, Any]]:
        """Whether the head was known, and its environ."""
        self.client.sendall(head)
        request = next(self.heads)
        if isinstance(request, Again):
            return True, request.environ()
        _, environ = wsgi.create(request, self.server, CLIENT, SERVER, self.cfg)
        self.heads.keep(request, environ)
        assert self.heads.finish_body()
        return False, environ


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.client.close()
    made.server.close()


def plain(environ: dict[str, Any]) -> dict[str, Any]:
    """Without what is an object of its own for each request."""
    return {
        name: value for name, value in environ.items() if name not in ("wsgi.early_hints", "wsgi.input", "wsgi.errors")
    }


def test_the_environ_is_what_the_server_makes_of_the_same_request(wire: Wire) -> None:
    assert wire.ask(b"GET /dicom-web/studies?limit=1 HTTP/1.1\r\n" + LINES)[0] is False
    for target in (b"/dicom-web/studies/1.2/frames/3?v=00ff", b"/api/session"):
        again, known = wire.ask(b"GET " + target + b" HTTP/1.1\r\n" + LINES)
        assert again
        other = Wire()
        read, whole = other.ask(b"GET " + target + b" HTTP/1.1\r\n" + LINES)
        assert not read
        whole["gunicorn.socket"] = known["gunicorn.socket"]
        assert plain(known) == plain(whole)
        other.client.close()
        other.server.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\n" + LINES.replace(b"secret", b"another"),
        b"GET /a HTTP/1.1\r\n" + LINES.replace(b"Accept", b"accept"),
        b"POST /a HTTP/1.1\r\n" + LINES,
        b"GET /a%2Fb HTTP/1.1\r\n" + LINES,
        b"GET //a HTTP/1.1\r\n" + LINES,
        b"GET http://pacs.test/a HTTP/1.1\r\n" + LINES,
        b"GET /a HTTP/1.0\r\n" + LINES,
        b"GET /a?name=%C3%A1 HTTP/1.1\r\n" + LINES,
    ],
)
def test_whatever_differs_is_read(wire: Wire, head: bytes) -> None:
    wire.ask(b"GET /first HTTP/1.1\r\n" + LINES)
    assert wire.ask(head)[0] is False


@pytest.mark.parametrize(
    "more", [b"Connection: close", b"Content-Length: 0", b"Expect: 100-continue", b"Connection: Upgrade\r\nUpgrade: x"]
)
def test_a_head_that_says_that_more_comes_is_read_each_time(wire: Wire, more: bytes) -> None:
    head = b"GET /a HTTP/1.1\r\nHost: pacs.test\r\n" + more + b"\r\n\r\n"
    wire.ask(head)
    assert not wire.heads._known


def test_two_requests_at_once_are_both_read(wire: Wire) -> None:
    wire.ask(b"GET /first HTTP/1.1\r\n" + LINES)
    again, environ = wire.ask(b"GET /a HTTP/1.1\r\n" + LINES + b"GET /b HTTP/1.1\r\n" + LINES)
    assert (again, environ["PATH_INFO"]) == (False, "/a")
    assert wire.ask(b"")[1]["PATH_INFO"] == "/b"


def test_a_head_that_comes_in_pieces_is_read(wire: Wire) -> None:
    wire.ask(b"GET /first HTTP/1.1\r\n" + LINES)
    wire.client.sendall(b"GET /a HTTP/1.1\r\nHost: pa")
    first = wire.server.recv(4096, socket.MSG_PEEK)
    assert first.endswith(b"pa")
    wire.client.sendall(b"cs.test\r\n\r\n")
    assert wire.ask(b"")[1]["HTTP_HOST"] == "pacs.test"


def test_no_more_than_a_few_heads_are_kept(wire: Wire) -> None:
    for number in range(20):
        wire.ask(b"GET /a HTTP/1.1\r\nHost: pacs.test\r\nX-Request-Id: r-%d\r\n\r\n" % number)
    assert len(wire.heads._known) <= 4
