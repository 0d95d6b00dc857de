"""The process of the rooms from its start to SIGTERM: its doors are opened, and closed in order."""

import asyncio
import signal
from collections.abc import Callable

from pacs.config import Config
from pacs.live import handover
from pacs.live.server import Live
from pacs.live.standing import Doorkeeper
from storage.index.database import Database


def serve(config: Config, database: Database, doorkeeper: Doorkeeper, ready: Callable[[], None] = lambda: None) -> None:
    """Serve rooms until SIGTERM."""
    asyncio.run(_serve(config, database, doorkeeper, ready))


async def _serve(config: Config, database: Database, doorkeeper: Doorkeeper, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    live = Live(database, doorkeeper, config.web.public_url)
    door = handover.listen(config.live_socket)
    loop.add_reader(door, live.receive, door)
    server = None
    if config.live.port:
        server = await loop.create_server(live.arrive, config.live.host, config.live.port)
    live.across.start(stop.is_set)
    ready()
    try:
        await live.tend(stop)
    finally:
        loop.remove_reader(door)
        door.close()
        if server is not None:
            server.close()
        await live.close()
