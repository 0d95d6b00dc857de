"""A slow link on this machine: a TCP proxy with a rate, shared by all connections in each direction, and a delay.

Each direction has one clock that says when the wire is free: a block is sent when it is its turn and arrives half a
round trip later. Blocks are small and taken in turn from the connections, so they share the wire as packets do. What
TCP itself does on such a link (its slow start, losses) is not played: the sender meets a full buffer, as behind a modem
with a short queue. A `loss` delays what is lost, and all that comes after it on the same connection, by the time TCP
takes to notice and send it again: one and a half round trips. The link can be cut: then nothing passes, and connections
of before stay dead when it is mended, as behind a router that forgot them.

    python -m tests.support.shaping LISTEN_PORT TARGET_PORT [--mbit 2] [--rtt 0.1] [--loss 0.03]
"""

import argparse
import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_BLOCK = 4096
_BURST = 0.05  # seconds this process may be late on a busy machine without the wire losing them
_HEADERS = 1500 / 1448  # what Ethernet frames of TCP take of the wire beside their content


@dataclass
class Wire:
    """One direction of the link."""

    bits_per_second: float
    delay: float
    loss: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    free_at: float = 0.0
    bytes: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, size: int) -> float:
        """Wait for the wire and occupy it; the time at which the block arrives at the other end."""
        loop = asyncio.get_running_loop()
        async with self.turn:
            now = loop.time()
            if self.free_at > now:
                await asyncio.sleep(self.free_at - now)
            begin = max(self.free_at, now - _BURST)
            self.free_at = begin + size * _HEADERS * 8 / self.bits_per_second
            self.bytes += size
            lost = self.loss > 0 and self.chance.random() < self.loss
            return self.free_at + self.delay + (3 * self.delay if lost else 0.0)


class Shaper:
    """The proxy while it runs; `url` is what browsers ask."""

    def __init__(self, target_port: int, bits_per_second: float, round_trip: float, loss: float = 0.0) -> None:
        self._target = target_port
        self._rate = bits_per_second
        self._delay = round_trip / 2
        self._loss = loss
        self._loop: asyncio.AbstractEventLoop
        self._whole = asyncio.Event()
        self._cuts = 0
        self.port = 0
        self._up: Wire
        self._down: Wire

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> int:
        """Bytes that went towards the browser so far."""
        return self._down.bytes

    def cut(self) -> None:
        """Nothing passes from now on; what is connected will stay dead."""

        def now() -> None:
            self._cuts += 1
            self._whole.clear()

        self._loop.call_soon_threadsafe(now)

    def mend(self) -> None:
        """New connections pass again."""
        self._loop.call_soon_threadsafe(self._whole.set)

    async def serve(self, ready: threading.Event, stop: asyncio.Event, port: int = 0) -> None:
        """Forward until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._whole.set()
        self._up, self._down = (Wire(self._rate, self._delay, self._loss) for _ in range(2))
        tasks: set[asyncio.Task[None]] = set()

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            with contextlib.suppress(asyncio.CancelledError):  # we stop: asyncio would print that as a failure
                await self._forward(reader, writer)

        server = await asyncio.start_server(accepted, "127.0.0.1", port, limit=_BLOCK * 4)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tried, again = self._loop.time(), 1.0
        while not self._whole.is_set():
            await self._whole.wait()
            while tried + again < self._loop.time():
                again = 2 * again + 1  # a SYN that was lost is sent again after 1, 3, 7 … seconds
            await asyncio.sleep(tried + again - self._loop.time())
        await asyncio.sleep(2 * self._delay)  # the handshake
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_BLOCK * 4)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(
                self._pump(reader, there_writer, self._up), self._pump(there_reader, writer, self._down)
            )
        finally:
            for one in (writer, there_writer):
                one.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
        """Blocks from one side to the other, each when it is its turn, in order."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        cuts = self._cuts
        arriving = asyncio.create_task(_arrive(under_way, writer))
        try:
            while data := await reader.read(_BLOCK):
                if self._cuts != cuts:
                    continue  # into the void
                await under_way.put((await wire.take(len(data)), data))
            await under_way.put((asyncio.get_running_loop().time() + wire.delay, b""))
            await arriving
        except OSError:
            pass
        finally:
            arriving.cancel()


async def _arrive(under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while True:
            at, data = await under_way.get()
            if at > loop.time():
                await asyncio.sleep(at - loop.time())
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


@contextmanager
def shaped(
    target_port: int, mbit: float = 2.0, round_trip: float = 0.1, port: int = 0, loss: float = 0.0
) -> Iterator[Shaper]:
    """A link to a port of this machine, until the end of the block."""
    shaper = Shaper(target_port, mbit * 1e6, round_trip, loss)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(shaper.serve(ready, stop, port))
        loop.close()

    thread = threading.Thread(target=run, name="shaping", daemon=True)
    thread.start()
    if not ready.wait(60):
        raise RuntimeError("the shaping proxy did not start")
    try:
        yield shaper
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("listen", type=int)
    parser.add_argument("target", type=int)
    parser.add_argument("--mbit", type=float, default=2.0)
    parser.add_argument("--rtt", type=float, default=0.1)
    parser.add_argument("--loss", type=float, default=0.0)
    arguments = parser.parse_args()
    with shaped(arguments.target, arguments.mbit, arguments.rtt, arguments.listen, arguments.loss) as shaper:
        print(f"{shaper.url} → {arguments.target}, {arguments.mbit} Mbit/s, {arguments.rtt} s")
        threading.Event().wait()


if __name__ == "__main__":
    main()
