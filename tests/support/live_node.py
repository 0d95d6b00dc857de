"""One node of live rooms by itself: the process of the rooms on an index that others share, with a port of its own.

    python -m tests.support.live_node DATA INDEX_URL PORT [HURRY]

It says `ready` when sockets may come. HURRY, a number above 1, makes everything that waits for silence so many times
as quick.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs.config import Config, IndexConfig, LiveConfig
from pacs.live import across, server
from tests.support.server import free_port
from viewer.live.process import serve


@dataclass(slots=True)
class Node:
    """A running node."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait(60)


@contextmanager
def node(data: Path, index_url: str, hurry: float = 1) -> Iterator[Node]:
    """A node, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.live_node", str(data), index_url, str(port), str(hurry)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Node(process, port)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def main(data: str, index_url: str, port: str, hurry: str = "1") -> None:
    """Serve until SIGTERM."""
    times = float(hurry)
    across.ALIVE_SECONDS /= times
    across.DEAD_SECONDS /= times
    across.LOST_EARLIER /= times
    server.AWAY_SECONDS /= times
    Path(data, "run").mkdir(parents=True, exist_ok=True)
    config = Config(data=Path(data), index=IndexConfig(url=index_url), live=LiveConfig(port=int(port)))
    serve(config, lambda: print("ready", flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
