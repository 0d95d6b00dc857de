"""Two transactions on PostgreSQL that wait for each other, made so that it is always the program's that is ended."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.support.waiting import until

PATIENCE_S = 60
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def hurry(url: str) -> None:
    """Who waits on a connection made from now on looks after a moment whether it is in a circle; and only once, so the
    circle must be there before it waits."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f'ALTER DATABASE "{db.info.dbname}" SET deadlock_timeout = 50')


@contextmanager
def crossed(
    url: str,
    patch: pytest.MonkeyPatch,
    where: tuple[Any, str],
    *,
    hold: str,
    want: str,
    before: Callable[..., bool] | None = None,
) -> Iterator[None]:
    """Somebody else holds what the statement `hold` takes. When the program first calls `where` (a function of a
    module; when `before` is given, just before the first call for which it is true, else after it), the other one asks
    for what `want` takes, which the program has by then. The other one is patient; the program then asks for what is
    held."""
    module, name = where
    real, crossing = getattr(module, name), threading.Lock()
    made: list[Future[None]] = []

    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as seen:
        other.execute("SET LOCAL deadlock_timeout = '1h'")
        other.execute(hold)

        def ask() -> None:
            other.execute(want)
            other.commit()

        def cross() -> None:
            if crossing.acquire(blocking=False):
                made.append(pool.submit(ask))
                until(lambda: seen.execute(_WAITING).fetchone() != (0,))

        def crossed_call(*given: Any, **named: Any) -> Any:
            if before is not None:
                if before(*given):
                    cross()
                return real(*given, **named)
            found = real(*given, **named)
            cross()
            return found

        with patch.context() as patched:
            patched.setattr(module, name, crossed_call)
            yield
        assert made, f"the program never came to {name}"
        made[0].result(PATIENCE_S)
