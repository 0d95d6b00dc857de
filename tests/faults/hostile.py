"""Hostile peers at the DICOM door while a known peer goes on with its work.

python -m tests.faults.hostile --sockets 1000 --seconds 120

In this order: 10,000 random first packets, PDUs that say they are 4 GB before and inside an association, an object
without end, then sockets that trickle, half from a stranger's address and half from the known peer's own. All the time
a known peer sends C-ECHO. Fails when it is rejected once, when its p99 is over a second, when a huge PDU lives for a
second, when the endless object is not cut at the limit and its spool file removed, or when the memory of all processes
grows by more than 64 MB. The control comes first: the same crowd against a door that deals with one
caller after the other must be noticed, or the measurement proves nothing.
"""

import argparse
import contextlib
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pacs.association import pdu
from pacs.association.endings import AssociationEnd
from pacs.association.stream import PduStream
from pacs.errors import PeerUnreachable
from pacs.send.dicom import echo
from storage.model.people import Peer
from tests.pacs.dimse.requests import CT, EXPLICIT, association_request
from tests.pacs.dimse.test_store import store_rq
from tests.support.server import Running, serving

KNOWN, STRANGER = "127.0.0.1", "127.0.0.2"
MOST_P99, MOST_GROWTH, MOST_SECONDS = 1.0, 64 << 20, 1.0
REQUEST = association_request([(CT, [EXPLICIT])], calling="HOSTILE", max_pdu=131072)


@dataclass(slots=True)
class Echoes:
    """What a known peer hears, one C-ECHO on an association of its own after the other."""

    port: int
    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until stopped."""
        peer = Peer("HOICHAN", 1, "main", KNOWN, self.port, frozenset())
        while not self._stop.wait(0.05):
            try:
                self.times.append(echo(peer, "KNOWN", timeout=5) / 1000)
            except PeerUnreachable as error:
                self.failures.append(str(error))

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """While the block runs, and at least once."""
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    @property
    def p99(self) -> float:
        return sorted(self.times)[int(len(self.times) * 0.99)] if self.times else float("inf")

    def verdict(self) -> list[str]:
        """What is wrong with what was heard."""
        wrong = [f"{len(self.failures)} of the known peer's C-ECHO failed: {self.failures[0]}"] if self.failures else []
        return wrong + ([f"p99 of C-ECHO is {self.p99:.2f} s"] if self.p99 >= MOST_P99 else [])


def trickle(port: int, sockets: int, seconds: float) -> int:
    """Keep so many sockets open that send one byte of a request each second; how many were opened in all."""
    opened = 0
    crowd: dict[socket.socket, int] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        while len(crowd) < sockets and time.monotonic() < until:
            source = STRANGER if opened % 2 else KNOWN
            with contextlib.suppress(OSError):
                connection = socket.create_connection((KNOWN, port), timeout=5, source_address=(source, 0))
                connection.setblocking(False)
                crowd[connection] = 0
            opened += 1
            if time.monotonic() - began > 1:
                break
        for connection, sent in list(crowd.items()):
            try:
                connection.send(REQUEST[sent : sent + 1])
                crowd[connection] = (sent + 1) % len(REQUEST)
                if connection.recv(1) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                del crowd[connection]
        time.sleep(max(began + 1 - time.monotonic(), 0))
    for connection in crowd:
        connection.close()
    return opened


def random_packets(port: int, count: int, seed: int = 10) -> None:
    """First packets of chance; every second one begins like a request."""
    chance = random.Random(seed)
    for number in range(count):
        with contextlib.suppress(OSError), socket.create_connection((KNOWN, port), timeout=5) as connection:
            data = chance.randbytes(chance.randrange(1, 300))
            connection.sendall(REQUEST[: chance.randrange(1, 80)] + data if number % 2 else data)


def huge_pdus(port: int, times: int = 8) -> list[float]:
    """How long each connection lives after it has said that 4 GB will come, before or inside an association."""
    lived = []
    for number in range(times):
        with socket.create_connection((KNOWN, port), timeout=10) as connection:
            if number % 2:
                stream = PduStream(connection, max_pdu=131072, idle_seconds=10, message_seconds=10)
                stream.send(association_request([(CT, [EXPLICIT])], calling="KNOWN"))
                stream.read_pdu(10, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)
            kind = pdu.P_DATA if number % 2 else pdu.ASSOCIATE_RQ
            began, block = time.monotonic(), bytes(1 << 16)
            connection.settimeout(10)
            with contextlib.suppress(OSError):
                connection.sendall(pdu.HEADER.pack(kind, 0xFFFFFFFF))
                while time.monotonic() - began < 10:
                    connection.sendall(block)
            lived.append(time.monotonic() - began)
    return lived


def endless(port: int, folder: Path, limit_mb: int) -> tuple[float, list[str]]:
    """Send a dataset that never ends; how many MB went through, and what is wrong."""
    sent = 0
    with socket.create_connection((KNOWN, port), timeout=30) as connection:
        stream = PduStream(connection, max_pdu=131072, idle_seconds=30, message_seconds=30)
        stream.send(association_request([(CT, [EXPLICIT])], calling="KNOWN"))
        stream.read_pdu(10, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)
        stream.send_message(1, store_rq("1.2.3.4"))
        block = pdu.p_data(1, 0, bytes(131064))
        try:
            while sent < 2 * limit_mb << 20:
                stream.send(block)
                sent += len(block)
            cut = False
        except AssociationEnd:
            cut = True
    until = time.monotonic() + 5
    spool = folder / "data" / "spool"
    while (left := [one for one in spool.rglob("*") if one.is_file()]) and time.monotonic() < until:
        time.sleep(0.05)
    wrong = [] if cut and sent >= limit_mb << 20 else [f"an object without end was cut after {sent >> 20} MB: {cut}"]
    return sent / (1 << 20), wrong + ([f"left in the spool folder: {left[0].name}"] if left else [])


def memory(root: int) -> int:
    """Resident bytes of a process and all below it that are its own."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))
    return total


def control(seconds: float = 1.5) -> bool:
    """Whether a door that serves one caller after the other is found out by the same crowd and the same judge."""
    with socket.create_server((KNOWN, 0), backlog=64) as listener:
        listener.settimeout(0.1)
        stop = threading.Event()

        def one_after_the_other() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(seconds)
                        connection.recv(len(REQUEST), socket.MSG_WAITALL)

        thread = threading.Thread(target=one_after_the_other)
        thread.start()
        port = int(listener.getsockname()[1])
        echoes = Echoes(port)
        with echoes.going_on():
            trickle(port, 8, seconds)
        stop.set()
        thread.join()
    return bool(echoes.verdict())


def attack(running: Running, sockets: int, seconds: float, packets: int, limit_mb: int) -> list[str]:
    """Everything that went wrong; prints the figures. `limit_mb` is the largest object the server takes."""
    assert running.process is not None
    port = running.dicom_port
    warm = Echoes(port)
    with warm.going_on():
        random_packets(port, 50)
        time.sleep(1)
    before, most = memory(running.process.pid), 0
    echoes = Echoes(port)
    with echoes.going_on():
        random_packets(port, packets)
        lived = huge_pdus(port)
        stop = threading.Event()
        sent, wrong = 0.0, list[str]()

        def watch() -> None:
            nonlocal most
            while not stop.wait(0.5):
                most = max(most, memory(running.process.pid if running.process else os.getpid()))

        watching = threading.Thread(target=watch)
        watching.start()
        sent, wrong = endless(port, running.folder, limit_mb)
        opened = trickle(port, sockets, seconds)
        stop.set()
        watching.join()
    growth = most - before
    wrong += echoes.verdict()
    if max(lived) >= MOST_SECONDS:
        wrong.append(f"a PDU of 4 GB lived for {max(lived):.1f} s")
    if growth > MOST_GROWTH:
        wrong.append(f"memory grew by {growth >> 20} MB")
    if fallen := [line for line in running.log if "fell" in line or "starting it again" in line]:
        wrong.append(f"a process fell: {fallen[0].strip()}")
    p50 = sorted(echoes.times)[len(echoes.times) // 2] if echoes.times else float("inf")
    print(
        f"{opened} trickling sockets in {seconds:.0f} s, {packets} random first packets, {len(lived)} PDUs of 4 GB: "
        f"{len(echoes.times)} C-ECHO of a known peer, p50 {p50 * 1000:.0f} ms, p99 {echoes.p99 * 1000:.0f} ms, "
        f"{len(echoes.failures)} rejected; huge PDUs closed in {max(lived) * 1000:.0f} ms; "
        f"an object without end cut after {sent:.0f} of {limit_mb} MB; "
        f"memory of all processes {growth / (1 << 20):+.1f} MB",
        flush=True,
    )
    return wrong


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hostile", description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--packets", type=int, default=10_000)
    parser.add_argument(
        "--endless-mb", type=int, default=4096, help="the largest object taken; one without end is sent"
    )
    asked = parser.parse_args(arguments)
    if not control():
        print("the control was not found out: this measures nothing", flush=True)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="hoichan-hostile-") as folder,
        serving(
            Path(folder), HOICHAN_DICOM__PROCESSES="2", HOICHAN_DICOM__MAX_OBJECT_MB=str(asked.endless_mb)
        ) as running,
    ):
        running.peer("KNOWN", "store")
        wrong = attack(running, asked.sockets, asked.seconds, asked.packets, asked.endless_mb)
    for one in wrong:
        print(f"WRONG: {one}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
