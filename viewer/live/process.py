"""The process of the rooms as one part of the supervisor: what pacs/live does, with the guard of all routes."""

from collections.abc import Callable

from pacs.config import Config
from pacs.live.process import serve as serve_rooms
from storage.index.database import Database
from viewer.access.guard import Guard
from viewer.live.standing import GuardsDoorkeeper


def serve(config: Config, ready: Callable[[], None] = lambda: None) -> None:
    """Serve rooms until SIGTERM."""
    database = Database(config.index_url)
    try:
        serve_rooms(config, database, GuardsDoorkeeper(database, Guard(database, config)), ready)
    finally:
        database.close()
