"""The listener when there is too little of something."""

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pacs.balance import Share, Shares
from pacs.config import DicomConfig
from pacs.dimse import server as room
from pacs.dimse.lobby import Visitor
from tests.pacs.parts import house

REQUEST = bytes(10) + b"HOICHAN".ljust(16) + b"CT1".ljust(16) + bytes(32)


def _server(folder: Path, max_associations: int = 100) -> room._Server:
    config = DicomConfig(max_associations=max_associations)
    places, share = room.together(config, 1).slots.places(0), Share(Shares(1), 0)
    return room._Server(config, house(folder).archive, threading.Event(), places, share)


def test_a_flood_of_strangers_costs_few_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STRANGERS_AT_ONCE", 2)
    server = _server(tmp_path)
    hold = threading.Event()
    monkeypatch.setattr(server._acceptor, "run", lambda visitor, decided: bool(hold.wait(60)))
    pairs = [socket.socketpair() for _ in range(6)]
    for number, (theirs, _) in enumerate(pairs):
        server.welcome(Visitor(theirs, f"10.0.0.{number}", REQUEST, known=number == 5))
    assert len(server._threads()) == 3, "two strangers, and the peer nevertheless"
    assert server._share.count == 2, "the peer was counted when it came"
    for _, ours in pairs[2:5]:
        assert ours.recv(10) == b"", "closed without a word"
    hold.set()
    for _, ours in pairs:
        ours.close()


def test_of_one_address_only_some_are_decided_on_at_once() -> None:
    undecided = room.Undecided()
    visitors = [Visitor(socket.socket(), "10.0.0.1", REQUEST, known=True) for _ in range(room.UNDECIDED_OF_ADDRESS + 1)]
    assert [undecided.add(visitor) for visitor in visitors] == [True] * room.UNDECIDED_OF_ADDRESS + [False]
    assert undecided.add(replace(visitors[0], address="10.0.0.2"))
    undecided.remove(visitors[0])
    assert undecided.add(visitors[-1])


def test_no_thread_for_one_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _server(tmp_path)

    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    theirs, ours = socket.socketpair()
    server.welcome(Visitor(theirs, "10.0.0.9", REQUEST, known=True))
    assert ours.recv(1) == b""
    assert server._threads() == []
    assert server._share.count == -1, "what was counted when it came"
    ours.close()
