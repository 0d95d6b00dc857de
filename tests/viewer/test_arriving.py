"""A body is read as it arrives, never beyond its end."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.http.unreader import SocketUnreader

from viewer import serve
from viewer.arriving import ArrivingBody


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, Any]]:
    client, server = socket.socketpair()
    server.settimeout(30)
    unreader = SocketUnreader(server)
    serve.pace(unreader, lambda: float("inf"))
    yield client, unreader
    client.close()
    server.close()


def test_the_next_request_is_left_alone(wire: tuple[socket.socket, Any]) -> None:
    client, unreader = wire
    client.sendall(b"onetwoGET / HTTP/1.1")
    body = ArrivingBody(unreader, 6)
    assert (body.read(3), body.read(), body.read(5), body.failed) == (b"one", b"two", b"", False)
    assert unreader.take_buffered() == b"GET / HTTP/1.1"


def test_what_came_with_the_head_is_read_first(wire: tuple[socket.socket, Any]) -> None:
    client, unreader = wire
    unreader.unread(b"begin")
    client.sendall(b"+end")
    body = ArrivingBody(unreader, 9)
    assert body.read(100) == b"begin"
    assert body.read(100) == b"+end"
    assert body.read(100) == b""


def test_a_sender_that_goes_away_is_the_end_of_the_connection(wire: tuple[socket.socket, Any]) -> None:
    client, unreader = wire
    client.sendall(b"half")
    client.close()
    body = ArrivingBody(unreader, 9)
    assert body.read() == b"half"
    assert body.failed


def test_lines_are_lines(wire: tuple[socket.socket, Any]) -> None:
    client, unreader = wire
    client.sendall(b"a\nbc\nd")
    assert list(ArrivingBody(unreader, 6)) == [b"a\n", b"bc\n", b"d"]


def test_what_comes_goes_where_it_is_wanted(wire: tuple[socket.socket, Any]) -> None:
    client, unreader = wire
    unreader.unread(b"begin")
    target = memoryview(bytearray(8))
    body = ArrivingBody(unreader, 11)
    part = bytearray(3)
    assert (body.readinto(part), bytes(part)) == (3, b"beg")
    assert (body.readinto(target), bytes(target[:2])) == (2, b"in")
    client.sendall(b"and onGET / HTTP/1.1")
    assert (body.readinto(target[:4]), bytes(target[:4])) == (4, b"and ")
    assert (body.readinto(target), bytes(target[:2])) == (2, b"on")
    assert (body.readinto(target), body.failed) == (0, False)
    assert unreader.chunk() == b"GET / HTTP/1.1"


def test_a_sender_that_goes_away_or_falls_silent_is_noticed_there_too(wire: tuple[socket.socket, Any]) -> None:
    client, unreader = wire
    client.sendall(b"half")
    target = memoryview(bytearray(8))
    body = ArrivingBody(unreader, 9)
    assert (body.readinto(target), body.failed) == (4, False)
    unreader.sock.settimeout(0.01)
    with pytest.raises(TimeoutError):
        body.readinto(target)
    assert body.failed
    client.close()
    assert (body.readinto(target), body.failed) == (0, True)
    assert isinstance(unreader.sock, socket.socket)


def test_a_body_that_comes_too_slowly_is_ended_wherever_it_goes(
    wire: tuple[socket.socket, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, unreader = wire
    monkeypatch.setattr(serve, "SLOWEST", 1 << 60)
    serve.pace(unreader, lambda: -1.0)
    client.sendall(b"x")
    body = ArrivingBody(unreader, 9)
    with pytest.raises(TimeoutError, match="too slowly"):
        body.readinto(memoryview(bytearray(8)))
    assert body.failed
