"""How a web worker gives a socket away: one datagram with what was read of it, and the socket itself beside it.

The worker's own copy is closed afterwards without a word, so a socket in a room costs no thread of the web door.
"""

import array
import contextlib
import socket
from pathlib import Path

LONGEST = 128 * 1024
POKE = b"poke "  # the rest is the number of a room in which something was written
_PATIENCE_SECONDS = 1.0


def hand_over(path: Path, connection: socket.socket, read: bytes) -> bool:
    """Give the connection to the process behind `path`; False when it is not there or takes nothing."""
    if len(read) > LONGEST or read.startswith(POKE):
        return False
    descriptor = array.array("i", [connection.fileno()])
    return _sent(path, read, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])


def poke(path: Path, room_id: int) -> bool:
    """Tell the process that something was written in a room by somebody else; False when it is not there."""
    return _sent(path, POKE + str(room_id).encode(), [])


def listen(path: Path) -> socket.socket:
    """Where sockets arrive; whatever was there before is gone."""
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    door.bind(str(path))
    path.chmod(0o600)
    door.setblocking(False)
    return door


def receive(door: socket.socket) -> tuple[bytes, socket.socket | None]:
    """The next datagram and the socket that came with it. Raises BlockingIOError when there is none."""
    data, descriptors, _, _ = socket.recv_fds(door, LONGEST, 1)
    if not descriptors:
        return data, None
    return data, socket.socket(fileno=descriptors[0])


def _sent(path: Path, data: bytes, beside: list[tuple[int, int, "array.array[int]"]]) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(_PATIENCE_SECONDS)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        with contextlib.suppress(OSError):
            sender.sendmsg([data], beside, 0, str(path))
            return True
    return False
