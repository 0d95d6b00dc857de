"""How many of a study's instances hold no pixels, so that what is counted as images are images."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.clauses import all_of, among, named
from storage.index.rows import split
from storage.model.modalities import PICTURELESS

_NAMES = tuple(sorted(PICTURELESS))


def documents_of(db: Connection, rows: Sequence[Any]) -> dict[int, int]:
    """The counts by the id of the study, for rows with `id` and `modalities`; a study without documents is not there,
    and without such a study nothing is asked."""
    ids = [int(row.id) for row in rows if not PICTURELESS.isdisjoint(split(row.modalities))]
    if not ids:
        return {}
    where = all_of([among("e.study_id", ids), among("e.modality", _NAMES)])
    sql = f"SELECT e.study_id, sum(e.instances) AS n FROM series e WHERE {where.sql} GROUP BY e.study_id"
    return {int(row.study_id): int(row.n) for row in named(db, sql, where.values)}


def images_in(study: "sa.FromClause") -> "sa.ColumnElement[int]":
    """The images of the study in this row of a statement; 0 where an outer join found none."""
    series = schema.series
    apart = (
        sa.select(sa.func.coalesce(sa.func.sum(series.c.instances), 0))
        .where(series.c.study_id == study.c.id, series.c.modality.in_(_NAMES))
        .correlate(study)
        .scalar_subquery()
    )
    return sa.func.coalesce(study.c.instances, 0) - apart
