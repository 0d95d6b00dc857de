"""Who may add to which studies and patients: on PostgreSQL one transaction at a time for each of them.

Rows alone cannot be locked in one order, because nobody knows beforehand which of them are there: who finds a study
locks it before its patients, who makes one has its patient first. So whoever adds, or takes out, takes turns before the
first row: for all studies and then all patients of the transaction, in the order of their numbers. Until the commit
nobody else holds a row of theirs for which another could wait. SQLite writers are alone anyway.

The numbers are few, so that a batch never takes more locks than the server has room for; two studies that share one
wait for each other without need, for as long as a transaction lasts.
"""

import zlib
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from storage.index.types import INT, POSTGRESQL

_CLASS = 0x486F6974  # the lock class of turns; the same in every process
_STUDIES, _PATIENTS = 1024, 1024  # numbers, those of patients after those of studies


def take(
    db: Connection, studies: Iterable[tuple[int, str]] = (), patients: Iterable[tuple[str, int, str]] = ()
) -> None:
    """Wait until nobody else adds to these studies (hospital, UID) and patients (key, hospital, issuer), and keep it so
    until the transaction ends. Again for the same ones it does not wait."""
    if db.dialect.name != POSTGRESQL:
        return
    numbers = {_number(study, _STUDIES) for study in studies}
    numbers |= {_STUDIES + _number(patient, _PATIENTS) for patient in patients}
    if numbers:
        db.execute(_TAKE, {"numbers": sorted(numbers)})


def _number(identity: tuple[int | str, ...], most: int) -> int:
    return zlib.crc32("\\".join(map(str, identity)).encode()) % most


_given = sa.func.unnest(sa.bindparam("numbers", type_=postgresql.ARRAY(INT)))
_row = _given.table_valued(sa.column("number", INT), name="given").render_derived()
_TAKE = sa.select(sa.func.pg_advisory_xact_lock(_CLASS, _row.c.number))
