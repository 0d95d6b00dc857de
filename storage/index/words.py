"""Rows that have certain words, found quickly whether the words are rare or common.

A rare word selects few rows: they are looked up and sorted. A common one ("nguyen" is two patients of five) would
give a long list to sort for a page of fifty; then rows are read in the order wanted and each is asked whether it has
the word. Which is which is found by counting a little.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.patterns import begins

RARE = 2000
MANY_WORDS = 16

Clause = sa.ColumnElement[bool]
_NAME, _STUDY = schema.name_token.c, schema.study_token.c


def patients_with(db: Connection, words: Sequence[str], *, whole: bool = False) -> Clause:
    """The patients whose names have all these words, or words that begin so unless `whole`."""
    wanted = [_NAME.token == word if whole else begins(_NAME.token, word) for word in words[:MANY_WORDS]]
    driver = _rarest([_count(db, schema.name_token, clause) for clause in wanted])
    patient = schema.patient.c.id
    return sa.and_(
        *(
            patient.in_(sa.select(_NAME.patient_id).where(clause))
            if position == driver
            else sa.exists().where(_NAME.patient_id == patient, clause)
            for position, clause in enumerate(wanted)
        )
    )


def studies_with(db: Connection, words: Sequence[str]) -> Clause:
    """The studies of which every word begins a word of the names or the ID of the patient, of the accession number or
    of the description."""
    wanted = [(begins(_STUDY.token, word), begins(_NAME.token, word)) for word in words[:MANY_WORDS]]
    counts = [
        _count(db, schema.study_token, own) + _count(db, schema.name_token, of_patient) for own, of_patient in wanted
    ]
    driver = _rarest(counts)
    return sa.and_(
        *(
            _looked_up(own, of_patient) if position == driver else _asked(own, of_patient)
            for position, (own, of_patient) in enumerate(wanted)
        )
    )


def narrowed(db: Connection, key: "sa.Column[str]", prefix: str) -> Clause:
    """The rows whose `key`, which has an index, starts with `prefix`; nothing is gained when they are many."""
    clause = begins(key, prefix)
    if _count(db, key.table, clause) > RARE:
        return clause
    other = key.table.alias(f"{key.table.name}_narrowed")
    chosen: Clause = key.table.c.id.in_(sa.select(other.c.id).where(begins(other.c[key.name], prefix)))
    return chosen


def _looked_up(own: Clause, of_patient: Clause) -> Clause:
    named = schema.study.alias("study_named")
    patients = sa.select(_NAME.patient_id).where(of_patient)
    return schema.study.c.id.in_(
        sa.union(sa.select(_STUDY.study_id).where(own), sa.select(named.c.id).where(named.c.patient_id.in_(patients)))
    )


def _asked(own: Clause, of_patient: Clause) -> Clause:
    return sa.or_(
        sa.exists().where(_STUDY.study_id == schema.study.c.id, own),
        sa.exists().where(_NAME.patient_id == schema.study.c.patient_id, of_patient),
    )


def _count(db: Connection, table: "sa.FromClause", clause: Clause) -> int:
    """How many rows, counted up to a little over RARE."""
    some = sa.select(sa.literal(1)).select_from(table).where(clause).limit(RARE + 1).subquery()
    return int(db.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def _rarest(counts: Sequence[int]) -> int | None:
    """The position of the rarest word, None when all are common."""
    least = min(counts)
    return counts.index(least) if least <= RARE else None
