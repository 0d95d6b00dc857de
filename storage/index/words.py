"""Rows that have certain words, found quickly whether the words are rare or common.

A rare word selects few rows: they are looked up and sorted. A common one ("nguyen" is two patients of five) would
give a long list to sort for a page of fifty; then rows are read in the order wanted and each is asked whether it has
the word. Which is which is found by counting a little.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from storage.index.clauses import Clause, all_of, any_of, begins, select
from storage.model.text import WHOLE

RARE, MANY = 2000, 50_000
MANY_WORDS = 16
FEW_ROWS = 200


class Chosen(NamedTuple):
    """A condition; `driven` when it names the rows by an index instead of asking each one."""

    clause: Clause
    driven: bool


def patients_with(db: Connection, words: Sequence[str], *, whole: bool = False, limit: int | None = None) -> Chosen:
    """The patients whose names have all these words, or words that begin so unless `whole`."""
    wanted = [_word(word, whole) for word in words[:MANY_WORDS]]
    driver = _rarest(db, [(("name_token", clause),) for clause in wanted], limit)
    return Chosen(
        all_of(
            Clause(f"p.id IN (SELECT patient_id FROM name_token WHERE {clause.sql})", clause.values)
            if position == driver
            else Clause(
                f"EXISTS (SELECT 1 FROM name_token t WHERE t.patient_id = p.id AND {clause.sql})", clause.values
            )
            for position, clause in enumerate(wanted)
        ),
        driver is not None,
    )


def patients_named(db: Connection, prefix: str, limit: int | None = None) -> Chosen:
    """The patients of whom a component group of the name, folded, starts with `prefix`."""
    return patients_with(db, [WHOLE + prefix], limit=limit)


def studies_with(db: Connection, words: Sequence[str], limit: int | None = None) -> Chosen:
    """The studies of which every word begins a word of the names or the ID of the patient, of the accession number or
    of the description."""
    wanted = [_word(word, False) for word in words[:MANY_WORDS]]
    driver = _rarest(db, [(("study_token", clause), ("name_token", clause)) for clause in wanted], limit)
    return Chosen(
        all_of(_looked_up(clause) if position == driver else _asked(clause) for position, clause in enumerate(wanted)),
        driver is not None,
    )


def narrowed(db: Connection, table: str, letter: str, name: str, prefix: str) -> Chosen:
    """The rows whose column, which has an index, starts with `prefix`; nothing is gained when they are many."""
    inner = begins(f"n.{name}", prefix)
    if _count(db, f"{table} n", inner, RARE) > RARE:
        return Chosen(begins(f"{letter}.{name}", prefix), False)
    return Chosen(Clause(f"{letter}.id IN (SELECT n.id FROM {table} n WHERE {inner.sql})", inner.values), True)


def _word(word: str, whole: bool) -> Clause:
    return Clause("token = ?", (word,)) if whole else begins("token", word)


def _looked_up(clause: Clause) -> Clause:
    return Clause(
        f"s.id IN (SELECT study_id FROM study_token WHERE {clause.sql} UNION SELECT n.id FROM study n "
        f"WHERE n.patient_id IN (SELECT patient_id FROM name_token WHERE {clause.sql}))",
        clause.values * 2,
    )


def _asked(clause: Clause) -> Clause:
    own = Clause(f"EXISTS (SELECT 1 FROM study_token t WHERE t.study_id = s.id AND {clause.sql})", clause.values)
    of_patient = Clause(
        f"EXISTS (SELECT 1 FROM name_token t WHERE t.patient_id = s.patient_id AND {clause.sql})", clause.values
    )
    return any_of((own, of_patient))


def _count(db: Connection, source: str, clause: Clause, most: int) -> int:
    """How many rows, counted up to a little over `most`."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {clause.sql} LIMIT {most + 1}) AS few"
    return int(select(db, sql, clause.values)[0][0])


def _rarest(db: Connection, wanted: Sequence[Sequence[tuple[str, Clause]]], limit: int | None) -> int | None:
    """The position of the word to look up by, None when all are so common that rows are better asked in order.

    A single common word is asked for when few rows are wanted: they are soon found."""
    for most in (RARE, MANY):
        if most == MANY and len(wanted) == 1 and limit is not None and limit <= FEW_ROWS:
            return None
        counts = [sum(_count(db, source, clause, most) for source, clause in places) for places in wanted]
        least = min(counts)
        if least <= most:
            return counts.index(least)
    return None
