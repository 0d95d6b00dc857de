"""Figures of consultations: right, of one's own hospitals only, and nothing of a patient in them."""

import csv
import io

from pacs.consult.statistics import figures, percentile
from storage.index.consult_statistics import Counted
from tests.viewer.conftest import Web
from tests.viewer.consult.conftest import Two

MINUTE = 60_000
BEGIN = 1_795_700_000_000


def one(asks: int, to: int | None, took: int | None, due: int = 60, outcome: str = "", month: int = 0) -> Counted:
    at = BEGIN + month * 31 * 24 * 3600 * 1000
    return Counted(
        asks, to, None if to else 7, "neuro", "urgent", "closed" if outcome else "asked", "agree" if took else "",
        outcome, at, at + due * MINUTE, None if took is None else at + took * MINUTE,
    )  # fmt: skip


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentile([], 0.5) is None
    assert [percentile([5, 1, 3, 2, 4], share) for share in (0.5, 0.9)] == [3, 5]
    assert percentile(list(range(1, 101)), 0.9) == 90
    assert percentile([7], 0.9) == 7


def test_sites_months_and_outcomes_are_counted() -> None:
    found = [
        one(1, 2, 10, outcome="yes"), one(1, 2, 30, outcome="no"), one(1, 2, 90), one(1, None, None),
        one(3, 1, 5, month=2, outcome="yes"), one(2, 3, 1),
    ]  # fmt: skip
    told = figures(found, {1}, {1: "Lào Cai", 2: "Bạch Mai", 3: "Sa Pa"}, "Chuyên gia")
    assert [(row["direction"], row["site"], row["requests"]) for row in told["sites"]] == [
        ("asked", "Bạch Mai", 3), ("asked", "Chuyên gia", 1), ("answered", "Sa Pa", 1),
    ]  # fmt: skip
    mai = told["sites"][0]
    assert (mai["answered"], mai["in_time"], mai["median_minutes"], mai["p90_minutes"]) == (3, 2, 30, 90)
    assert (mai["transfers_avoided"], mai["transfers_made"]) == (1, 1)
    assert [(row["asked"], row["answered"]) for row in told["months"]] == [(4, 0), (0, 0), (0, 1)]
    assert told["outcomes"] == [{"code": "yes", "count": 2}, {"code": "no", "count": 1}, {"code": "na", "count": 0}]
    assert told["asked"]["requests"] == 4


def test_each_hospital_sees_its_own_and_no_patient(two: Two) -> None:
    code = two.ask()
    two.act(two.answerer, code, "opinion", verdict="agree", text="Đồng ý")
    two.act(two.asker, code, "closed", outcome="yes")
    told = two.answerer.get("/api/consult/statistics").json
    assert [(row["direction"], row["site"], row["requests"]) for row in told["sites"]] == [
        ("answered", "Bệnh viện lao-cai", 1)
    ]
    assert told["totals"]["transfers_avoided"] == 1
    assert two.stranger.get("/api/consult/statistics").json["totals"]["requests"] == 0
    assert two.asker.get("/api/consult/statistics").status_code == 403
    admin = two.web.person("admin", "lao-cai")
    answer = admin.get("/api/consult/statistics.csv")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [(row["direction"], row["site"], row["transfers_avoided"]) for row in rows] == [
        ("asked", "Bệnh viện bach-mai", "1")
    ]
    assert not any(word in answer.text + str(told) for word in ("Sếnh", "LC-77", "1.2.840.5", "yếu nửa"))


def test_a_span_is_asked_for(web: Web) -> None:
    admin = web.person("admin")
    assert admin.get("/api/consult/statistics?since=0&until=1").json["months"] == []
    assert admin.get("/api/consult/statistics?since=yesterday").status_code == 400
