"""Figures of consultations: how many, how fast by site, what they led to. Times are minutes from question to answer."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from pacs.consult.vocabulary import OUTCOMES, URGENCIES, VERDICTS
from storage.index.consult_statistics import Counted

_VIET_NAM = timezone(timedelta(hours=7))
ASKED, ANSWERED = "asked", "answered"


def figures(found: Sequence[Counted], own: Collection[int], names: Mapping[int, str], experts: str) -> dict[str, Any]:
    """All of a page. `own` are the hospitals it is for, `names` of all hospitals; `experts` is what persons who are
    asked by name are called together."""
    return {
        "totals": _group(found),
        "asked": _group([one for one in found if one.hospital_id in own]),
        "answered": _group([one for one in found if one.to_hospital_id in own]),
        "months": _months(found, own),
        "sites": sites(found, own, names, experts),
        "urgencies": [
            {"urgency": term.code, **_group([one for one in found if one.urgency == term.code])} for term in URGENCIES
        ],
        "outcomes": _count(found, "outcome", [term.code for term in OUTCOMES]),
        "verdicts": _count(found, "verdict", [term.code for term in VERDICTS]),
    }


def sites(
    found: Sequence[Counted], own: Collection[int], names: Mapping[int, str], experts: str
) -> list[dict[str, Any]]:
    """By direction and the other site, those with most requests first."""
    groups: dict[tuple[str, str], list[Counted]] = defaultdict(list)
    for one in found:
        if one.hospital_id in own:
            other = experts if one.to_hospital_id is None else names.get(one.to_hospital_id, "")
            groups[ASKED, other].append(one)
        if one.to_hospital_id in own:
            groups[ANSWERED, names.get(one.hospital_id, "")].append(one)
    rows = [{"direction": direction, "site": site, **_group(group)} for (direction, site), group in groups.items()]
    return sorted(rows, key=lambda row: (row["direction"] != ASKED, -row["requests"], row["site"]))


def percentile(values: Sequence[int], share: float) -> float | None:
    """The smallest value that this share of them does not exceed (nearest rank); None of nothing."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


def _group(found: Sequence[Counted]) -> dict[str, Any]:
    minutes = [round((one.answered_at - one.created_at) / 60_000) for one in found if one.answered_at is not None]
    in_time = sum(one.answered_at is not None and one.answered_at <= one.due_at for one in found)
    return {
        "requests": len(found),
        "answered": len(minutes),
        "in_time": in_time,
        "median_minutes": percentile(minutes, 0.5),
        "p90_minutes": percentile(minutes, 0.9),
        "closed": sum(one.state == "closed" for one in found),
        "withdrawn": sum(one.state == "withdrawn" for one in found),
        "transfers_avoided": sum(one.outcome == "yes" for one in found),
        "transfers_made": sum(one.outcome == "no" for one in found),
    }


def _months(found: Sequence[Counted], own: Collection[int]) -> list[dict[str, Any]]:
    """How many in each month, months without any included."""
    asked: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for one in found:
        month = f"{datetime.fromtimestamp(one.created_at / 1000, _VIET_NAM):%Y-%m}"
        asked[month] += one.hospital_id in own
        answered[month] += one.to_hospital_id in own
    months = _between(sorted({*asked, *answered}))
    return [{"month": month, "asked": asked[month], "answered": answered[month]} for month in months]


def _between(months: Sequence[str]) -> list[str]:
    if not months:
        return []
    year, month = map(int, months[0].split("-"))
    found = [months[0]]
    while found[-1] < months[-1]:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        found.append(f"{year:04}-{month:02}")
    return found


def _count(found: Sequence[Counted], name: str, codes: Sequence[str]) -> list[dict[str, Any]]:
    counts = Counter(getattr(one, name) for one in found)
    return [{"code": code, "count": counts[code]} for code in codes]
