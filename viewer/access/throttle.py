"""Sign-in throttling, counted in the database so that every process knows, per account and per address."""

from dataclasses import dataclass
from typing import Any

from storage.index import accounts as store
from storage.index.database import Database
from storage.index.types import now_ms
from viewer.errors import Throttled


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures of one account, and from one address, within so many seconds."""

    seconds: int
    of_account: int
    of_address: int


LIMITS = (Limit(60, 5, 30), Limit(900, 10, 120))
LONGEST_MS = 1000 * max(limit.seconds for limit in LIMITS)


def begin(database: Database, account: str, address: str) -> None:
    """Count a try as failed before it is looked at, so that tries made at the same time count each other; raise
    Throttled when there were too many. Alike for names that exist and names that do not."""
    now = now_ms()
    with database.reading() as db:  # a flood of tries must not take the writers' turn
        _check(db, account, address, now)
    with database.writing() as db:
        _check(db, account, address, now)
        store.add_sign_in_failure(db, account, address, now)
        store.sweep_sign_in_failures(db, now - LONGEST_MS)


def succeeded(database: Database, account: str, address: str) -> None:
    """It was not a failure: this account's failures from this address are forgotten."""
    with database.writing() as db:
        store.clear_sign_in_failures(db, account, address)


def _check(db: Any, account: str, address: str, now: int) -> None:
    for limit in LIMITS:
        of_account, of_address = store.sign_in_failures(db, account, address, now - 1000 * limit.seconds)
        if of_account >= limit.of_account or of_address >= limit.of_address:
            raise Throttled(limit.seconds)
