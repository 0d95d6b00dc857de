"""Empty SQLite indexes: the migrations run once in a process of tests, and what they made is copied."""

import tempfile
from functools import cache
from pathlib import Path

from storage.index.database import Database


@cache
def _migrated() -> bytes:
    """The file of an index with all tables and nothing in it."""
    with tempfile.TemporaryDirectory(prefix="hoichan-index-") as folder:
        path = Path(folder) / "index.sqlite"
        database = Database(f"sqlite:///{path}")
        database.migrate()
        database.close()
        assert [one.name for one in Path(folder).iterdir()] == [path.name], "something of it is not in the file yet"
        return path.read_bytes()


def lay_index(path: Path) -> str:
    """An index with all tables in this file, and its address; one that is there already stays as it is."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"
