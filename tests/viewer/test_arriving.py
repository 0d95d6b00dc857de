"""A body is read as it arrives, never beyond its end."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.http.unreader import SocketUnreader

from viewer.arriving import ArrivingBody


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, Any]]:
    client, server = socket.socketpair()
    server.settimeout(30)
    yield client, SocketUnreader(server)
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
