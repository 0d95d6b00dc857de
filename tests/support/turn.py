"""Debian's coturn as docs/live.md has it for hospitals, on loopback, and its question and answer by hand."""

import hashlib
import hmac
import os
import secrets
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacs.command.supervisor import die_with_parent
from tests.support.server import free_port

REALM = "benhvien.vn"
_COOKIE = 0x2112A442
_ALLOCATE, _ALLOCATED = 0x0003, 0x0103
_USERNAME, _INTEGRITY, _ERROR, _REALM, _NONCE, _TRANSPORT = 0x0006, 0x0008, 0x0009, 0x0014, 0x0015, 0x0019
UDP = b"\x11\0\0\0"
# What docs/live.md says, but for the addresses: a test is on loopback, where a hospital forbids loopback.
DOCUMENTED = """
listening-ip=127.0.0.1
listening-port={port}
relay-ip=127.0.0.1
realm={realm}
use-auth-secret
static-auth-secret={secret}
no-cli
no-multicast-peers
no-tls
no-dtls
denied-peer-ip=10.0.0.0-10.255.255.255
denied-peer-ip=172.16.0.0-172.31.255.255
denied-peer-ip=192.168.0.0-192.168.255.255
allowed-peer-ip=127.0.0.1
allow-loopback-peers
pidfile={folder}/turn.pid
userdb={folder}/turn.db
log-file=stdout
"""


@dataclass(slots=True)
class Relay:
    """A relay that runs, or does not at the moment."""

    folder: Path
    port: int
    secret: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        program = shutil.which("turnserver") or shutil.which("turnserver", path="/usr/sbin:/usr/local/bin")
        if program is None:
            pytest.fail("turnserver is missing. Install it with: apt-get install coturn")
        path = self.folder / "turnserver.conf"
        path.write_text(DOCUMENTED.format(port=self.port, realm=REALM, secret=self.secret, folder=self.folder))
        with (self.folder / "turn.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-c", str(path)], cwd=self.folder, stdout=log, stderr=log, preexec_fn=die_with_parent
            )
        deadline = time.monotonic() + 60
        while allocate(self.port, "", "") != 401:  # it asks who one is: it is up
            time.sleep(0.02)
            assert self.process.poll() is None, (self.folder / "turn.log").read_text(errors="replace")
            assert time.monotonic() < deadline, "the relay does not answer"

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def relaying(folder: Path) -> Iterator[Relay]:
    """A started relay that is stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    relay = Relay(folder, free_port(), secrets.token_hex(32))
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def allocate(port: int, name: str, password: str) -> int:
    """Ask the relay for an allocation (RFC 8656): 200, the number of its refusal, or 0 when it does not answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(10)
        udp.connect(("127.0.0.1", port))
        first = _ask(udp, [(_TRANSPORT, UDP)], b"")
        if first is None:
            return 0
        if not name:
            return _status(first)
        realm, nonce = first[1][_REALM], first[1][_NONCE]
        key = hashlib.md5(b":".join((name.encode(), realm, password.encode())), usedforsecurity=False).digest()
        given = [(_TRANSPORT, UDP), (_USERNAME, name.encode()), (_REALM, realm), (_NONCE, nonce)]
        second = _ask(udp, given, key)
        return 0 if second is None else _status(second)


Answer = tuple[int, dict[int, bytes]]


def _ask(udp: socket.socket, attributes: list[tuple[int, bytes]], key: bytes) -> Answer | None:
    body = b"".join(_attribute(kind, value) for kind, value in attributes)
    name = os.urandom(12)
    if key:
        length = len(body) + 24
        signed = struct.pack("!HHI", _ALLOCATE, length, _COOKIE) + name + body
        body += _attribute(_INTEGRITY, hmac.digest(key, signed, hashlib.sha1))
    try:
        udp.send(struct.pack("!HHI", _ALLOCATE, len(body), _COOKIE) + name + body)
        data = udp.recv(2048)
    except OSError:
        return None
    kind, length = struct.unpack("!HH", data[:4])
    found, at = dict[int, bytes](), 20
    while at < 20 + length:
        one, size = struct.unpack("!HH", data[at : at + 4])
        found[one] = data[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4
    return kind, found


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _status(answer: Answer) -> int:
    kind, found = answer
    if kind == _ALLOCATED:
        return 200
    return found[_ERROR][2] * 100 + found[_ERROR][3]
