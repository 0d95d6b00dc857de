"""Two listener processes at one port: who comes is spread over them, and nobody is lost with one of them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacs.association import pdu
from pacs.association.stream import PduStream
from pacs.config import DicomConfig
from pacs.dimse.server import together
from tests.pacs.dimse.conftest import HOST
from tests.pacs.dimse.requests import CT, IMPLICIT, association_request
from tests.support.processes import children, established, is_stopped, listening, open_files
from tests.support.server import free_port
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parents[3]
REQUEST = association_request([(CT, [IMPLICIT])])
PROGRAM = """
import signal, sys
from pathlib import Path
from pacs import balance
from pacs.archive import Archive
from pacs.command.serve import stop_on_sigterm
from pacs.command.supervisor import Part, Supervisor
from pacs.dimse.server import serve, together
from storage.index.database import Database
from storage.objects.filesystem import FilesystemStore
from tests.pacs.dimse.conftest import ALL, new_door

balance.PATIENCE = 10**9  # the machine may be busy: who holds fewer is waited for
folder = Path(sys.argv[1])
door = new_door(folder)
door.peer("TEST", *ALL)
door.archive.close()
common = together(door.config, 2)

def listener(number):
    def run(ready):
        database = Database(f"sqlite:///{folder}/index.sqlite")
        archive = Archive(database, FilesystemStore(folder / "objects"), folder / "spool")
        serve(door.config, archive, stop_on_sigterm(), ready, with_others=common, number=number)
    return run

def bystander(ready):
    ready()
    signal.pause()

parts = [Part("bystander", bystander), *(Part(str(n), listener(n), common.sockets) for n in (0, 1))]
sys.exit(Supervisor(parts, folder / "ready", lambda: print(door.config.port, flush=True)).run())
"""


@dataclass(slots=True)
class Pair:
    """A supervisor with two listeners and a part that is none."""

    supervisor: int
    port: int

    def listeners(self) -> list[int]:
        return [pid for pid in children(self.supervisor) if listening(self.port) & set(open_files(pid))]

    def held(self) -> list[int]:
        """How many connections each listener has."""
        return [len(established(self.port) & set(open_files(pid))) for pid in self.listeners()]

    def ask(self, stack: ExitStack) -> socket.socket:
        """A connection that has sent its association request."""
        connection = stack.enter_context(socket.create_connection((HOST, self.port), timeout=PATIENCE))
        connection.sendall(REQUEST)
        return connection


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield Pair(process.pid, int(process.stdout.readline()))
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    process.wait(PATIENCE)


def accepted(connection: socket.socket) -> bool:
    stream = PduStream(connection, max_pdu=16384, idle_seconds=PATIENCE, message_seconds=PATIENCE)
    return stream.read_pdu(PATIENCE, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)[0] == pdu.ASSOCIATE_AC


def test_associations_are_spread_over_both(pair: Pair) -> None:
    assert len(children(pair.supervisor)) == 3
    assert len(pair.listeners()) == 2, "the other part does not have the door"
    with ExitStack() as stack:
        assert all(accepted(pair.ask(stack)) for _ in range(8))
        assert pair.held() == [4, 4]
        at_once = [pair.ask(stack) for _ in range(8)]
        assert all(accepted(one) for one in at_once)
        assert pair.held() == [8, 8]


@pytest.mark.parametrize("killed", [1, 2])
def test_who_waits_at_a_killed_listener_is_served(pair: Pair, killed: int) -> None:
    """By the other one, or by its successor."""
    listeners = pair.listeners()
    for pid in listeners:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: all(map(is_stopped, listeners)))
    with ExitStack() as stack:
        waiting = [pair.ask(stack) for _ in range(4)]
        for pid in listeners[:killed]:
            os.kill(pid, signal.SIGKILL)
        for pid in listeners[killed:]:
            os.kill(pid, signal.SIGCONT)
        assert all(accepted(one) for one in waiting)


def test_the_port_with_tls_is_shared_as_well() -> None:
    config = DicomConfig(port=free_port(), tls_port=free_port(), tls_certificate="certificate.pem")
    assert together(config, 1).sockets == (), "who is alone opens its own"
    sockets = together(config, 2).sockets
    assert [one.getsockname()[1] for one in sockets] == [config.port, config.tls_port]
    for one in sockets:
        one.close()
