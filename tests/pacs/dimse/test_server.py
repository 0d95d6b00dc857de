"""The listener when there is too little of something."""

import socket
import threading
from pathlib import Path

import pytest

from pacs.config import DicomConfig
from pacs.dimse import server as room
from tests.pacs.parts import house

REQUEST = bytes(10) + b"HOICHAN".ljust(16) + b"CT1".ljust(16) + bytes(32)


def _server(folder: Path, max_associations: int = 100) -> room._Server:
    config = DicomConfig(max_associations=max_associations)
    return room._Server(config, house(folder).archive, threading.Event())


def test_a_flood_beyond_the_limit_costs_few_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REJECTED_AT_ONCE", 2)
    server = _server(tmp_path, max_associations=0)
    pairs = [socket.socketpair() for _ in range(5)]
    before = threading.active_count()
    for theirs, _ in pairs:
        server.welcome(theirs, "10.0.0.9", REQUEST)
    assert threading.active_count() - before <= 2
    for _, ours in pairs[:2]:
        assert ours.recv(10)[:1] == b"\x03", "an A-ASSOCIATE-RJ"
    for _, ours in pairs[2:]:
        assert ours.recv(10) == b"", "closed without a word"
    for _, ours in pairs:
        ours.close()


def test_no_thread_for_one_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _server(tmp_path)

    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    theirs, ours = socket.socketpair()
    server.welcome(theirs, "10.0.0.9", REQUEST)
    assert ours.recv(1) == b""
    assert server._threads() == []
    ours.close()
