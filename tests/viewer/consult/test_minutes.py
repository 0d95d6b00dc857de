"""Minutes: prefilled, written by both sides, frozen by the first signature, signed at both ends, drawn and filed."""

import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pydicom
import pytest

from pacs import keyfile
from pacs.jobs.worker import Worker
from pacs.live import closing
from pacs.minutes import filing
from pacs.minutes.document import html
from pacs.minutes.glyphs import missing
from storage.errors import NotFound
from storage.index import accounts, audit, consults, factors, rooms
from storage.model.archive import Scope
from storage.model.minutes import hash_of
from tests.clients.test_validation import errors
from tests.viewer.conftest import Person, Web, code_of
from tests.viewer.consult.conftest import OTHER, STUDY, Two
from viewer.access.guard import Guard

pytestmark = pytest.mark.usefixtures("steps_stand_still")
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
VIETNAMESE = "ĂÂĐÊÔƠƯăâđêôơư ÀÁÃÈÉÌÍÒÓÕÙÚÝĨŨ " + "".join(map(chr, range(0x1EA0, 0x1EFA)))
SIGNS = "≤ 10 mm ≥ ± × µ ² ³ ° – — … “ ” ‘ ’ → ≈ ½ α β γ"
FINDING = {"entity": "infarct", "site": "mca", "side": "right", "certainty": "probable"}


def code(step: int = 0) -> str:
    return code_of(SECRET, step)


def with_factor(web: Web, person: Person) -> None:
    sealed = Guard(web.archive.database, web.config).sealing.seal(SECRET, keyfile.of_account(person.user.id))
    with web.archive.database.writing() as db:
        factors.reseal(db, person.user.id, sealed)


@pytest.fixture
def concluded(two: Two) -> str:
    consult = two.ask()
    assert two.act(two.answerer, consult, "accepted").status_code == 201
    opinion: dict[str, Any] = {
        "verdict": "agree",
        "findings": [FINDING],
        "text": "Không thấy chảy máu.",
        "language": "vi",
    }
    assert two.act(two.answerer, consult, "opinion", **opinion).status_code == 201
    said: dict[str, Any] = {
        "conclusion": "Nhồi máu não bán cầu phải.", "recommendation": "Tiêu sợi huyết, chuyển tuyến.",
        "language": "vi", "findings": [],
    }  # fmt: skip
    assert two.act(two.answerer, consult, "concluded", **said).status_code == 201
    for person in (two.asker, two.answerer):
        with_factor(two.web, person)
    return consult


def path(consult: str, more: str = "") -> str:
    return f"/api/consults/{consult}/minutes{more}"


def put(person: Person, consult: str, version: int, **changed: Any) -> Any:
    body = {**person.get(path(consult)).json["body"], **changed}
    return person.open("PUT", path(consult), json={"version": version, "body": body})


def sign(person: Person, consult: str, part: int = 0, given: str = "") -> Any:
    told = person.get(path(consult)).json
    sha256 = told["sha256"] if part == 0 else told["addenda"][part - 1]["sha256"]
    wanted = {"part": part, "sha256": sha256, "code": given or code()}
    return person.post(path(consult, "/signature"), json=wanted)


def unpacked(document: bytes) -> bytes:
    """The streams of a PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    return b"\n".join(zlib.decompressobj().decompress(one) for one in streams if one[:1] == b"x")


def work(two: Two) -> None:
    worker = Worker(two.web.archive, kinds=frozenset({filing.FILE}))
    while worker.step():
        pass


def filed(two: Two, part: int) -> pydicom.Dataset | None:
    with two.web.archive.database.reading() as db:
        hospital = next(id for id, known in audit.codes(db).items() if known == "lao-cai")
    told = two.asker.get(path(two.asker.get("/api/consults?box=concluded").json["consults"][0]["code"])).json
    scope = Scope(frozenset({hospital}))
    try:
        found = two.web.archive.instance_by_uid(scope, filing.uid_of(f"{told['sha256']} {part}"))
    except NotFound:
        return None
    assert found.key.study_instance_uid == STUDY["StudyInstanceUID"]
    return pydicom.dcmread(io.BytesIO(two.web.archive.bytes_of(found)))


def test_they_are_prefilled_from_what_happened(two: Two, concluded: str) -> None:
    told = two.asker.get(path(concluded)).json
    body = told["body"]
    assert (told["version"], told["frozen"], told["other"]) == (0, False, "Bệnh viện bach-mai")
    assert [(one["name"], one["hospital"]) for one in body["participants"]] == [
        ("Người clinician.lao-cai", "Bệnh viện lao-cai"),
        ("Người radiologist.bach-mai", "Bệnh viện bach-mai"),
    ]
    assert body["participants"][1]["title"] == "Bác sĩ chẩn đoán hình ảnh"
    assert (body["patient_name"], body["patient_id"], body["patient_sex"]) == ("Vàng A Sếnh", "LC-77", "Nam")
    assert body["question"].endswith("Bệnh nhân yếu nửa người trái 2 giờ.")
    assert "Không thấy chảy máu." in body["findings"]
    assert body["conclusion"] == "Nhồi máu não bán cầu phải."
    assert two.stranger.get(path(concluded)).status_code == 404
    assert two.stranger.get(path(concluded, ".pdf")).status_code == 404


def test_they_begin_with_what_was_said_and_drawn_in_a_live_session(two: Two, concluded: str) -> None:
    """A case of somebody else on the same agenda leaves nothing, nor does what was drawn and taken away again."""
    opened = two.asker.post("/api/rooms", json={"studies": [STUDY["StudyInstanceUID"]], "consult": concluded}).json
    who = f"user-{two.asker.user.id}"
    image = {"case": 0, "SeriesInstanceUID": STUDY["SeriesInstanceUID"], "SOPInstanceUID": STUDY["SOPInstanceUID"]}
    said: list[tuple[str, dict[str, Any]]] = [
        ("annotation", {**image, "annotation": "a", "act": "put", "tool": "Length", "text": "ổ giảm tỷ trọng 👍"}),
        ("annotation", {**image, "annotation": "b", "act": "put", "tool": "Length", "text": "bỏ đi"}),
        ("annotation", {**image, "annotation": "b", "act": "delete", "tool": "Length", "text": "bỏ đi"}),
        ("look", {**image, "point": [1, 2]}),
        ("chat", {"text": "Đồng ý tiêu sợi huyết"}),
        ("step", {"case": 1}),
        ("chat", {"text": "về người bệnh khác"}),
    ]
    with two.web.archive.database.writing() as db:
        room = rooms.by_code(db, opened["code"])
        rooms.add_case(db, room.id, room.hospital_id, OTHER["StudyInstanceUID"], "2 · CT")
        rooms.enter(db, room.id, who, "Người hỏi", "Bệnh viện lao-cai")
        rooms.enter(db, room.id, "guest-1-x", "Dr Miller", "Mahosot Hospital")
        for number, (kind, body) in enumerate(said):
            rooms.append(db, room.id, who, f"event-{number:04}", kind, body)
        ended, _ = rooms.append(db, room.id, who, "event-ended", "ended", {})
        closing.close(db, room.id, ended)
    told = two.answerer.get(f"/api/consults/{concluded}").json["events"][-1]
    assert (told["kind"], told["actor"]["name"]) == ("room_closed", "Người clinician.lao-cai")
    body = told["body"]
    assert [one["name"] for one in body["participants"]] == ["Người hỏi", "Dr Miller"]
    assert (body["drawings"], body["looks"], body["messages"]) == (1, 1, 2)
    assert body["began_at"] <= body["ended_at"] == ended.at
    draft = two.asker.get(path(concluded)).json["body"]
    assert draft["participants"][-1] == {"name": "Dr Miller", "title": "", "hospital": "Mahosot Hospital"}
    assert draft["held_to"] == ended.at
    assert "Không thấy chảy máu." in draft["findings"]
    assert "ổ giảm tỷ trọng\n" in draft["findings"], "letters that cannot be printed are left out"
    assert "Ảnh đã chỉ: chuỗi" in draft["findings"]
    assert "Người hỏi: Đồng ý tiêu sợi huyết" in draft["findings"]
    assert "bỏ đi" not in draft["findings"]
    assert "người bệnh khác" not in draft["findings"]
    assert put(two.asker, concluded, 0).status_code == 200, "it can be kept as it is"


def test_both_sides_write_and_nobody_overwrites_the_other(two: Two, concluded: str) -> None:
    assert put(two.asker, concluded, 0, history="Tăng huyết áp 5 năm.").json["version"] == 1
    assert put(two.answerer, concluded, 0, history="x").status_code == 409
    assert put(two.answerer, concluded, 1, chair="PGS. Trần").json["body"]["history"] == "Tăng huyết áp 5 năm."
    assert put(two.asker, concluded, 2, chair="👨‍⚕️ Trần").status_code == 400
    refused = put(two.asker, concluded, 2, conclusion="漢字")
    assert (refused.status_code, "U+6F22" in refused.json["detail"]) == (400, True)


def test_the_first_signature_freezes_and_both_ends_sign(two: Two, concluded: str, tmp_path: Path) -> None:
    told = put(two.asker, concluded, 0, history=f"{VIETNAMESE} {SIGNS}").json
    assert told["sha256"] == hash_of(told["body"])
    assert sign(two.asker, concluded, given="000000").status_code == 403
    stale = {"part": 0, "sha256": "0" * 64, "code": code(-1)}
    assert two.asker.post(path(concluded, "/signature"), json=stale).status_code == 409
    signed = sign(two.asker, concluded)
    assert signed.status_code == 200, signed.text
    assert (signed.json["frozen"], signed.json["number"].split("/")[2]) == (True, "BBHC")
    assert sign(two.asker, concluded, given=code(1)).status_code == 409, "once for each side"
    assert put(two.asker, concluded, 1, conclusion="khác").status_code == 409
    work(two)
    assert filed(two, 0) is None, "one end alone files nothing"
    done = sign(two.answerer, concluded)
    assert [one["side"] for one in done.json["signatures"]] == ["from", "to"]
    work(two)
    document = filed(two, 0)
    assert document is not None
    assert document.SOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
    assert document.EncapsulatedDocument[:5] == b"%PDF-"
    assert (document.Modality, str(document.PatientID)) == ("DOC", "LC-77")
    buffer = io.BytesIO()
    document.save_as(buffer)
    assert errors(buffer.getvalue(), tmp_path) == set()
    kinds = [one["kind"] for one in two.asker.get(f"/api/consults/{concluded}").json["events"]]
    assert kinds.count("signed") == 2


def test_what_is_added_later_is_an_addendum_with_signatures_of_its_own(two: Two, concluded: str) -> None:
    text = {"text": "Đã chuyển tuyến lúc 15:00, NIHSS ≤ 4.", "language": "vi"}
    put(two.asker, concluded, 0)
    early = two.asker.post(path(concluded, "/addenda"), json={**text, "code": code(-1)})
    assert early.status_code == 409
    assert sign(two.asker, concluded).status_code == sign(two.answerer, concluded, given=code(-1)).status_code == 200
    added = two.asker.post(path(concluded, "/addenda"), json={**text, "code": code(1)})
    assert added.status_code == 201, added.text
    (one,) = added.json["addenda"]
    said = {"number": 1, "text": text["text"], "language": "vi"}
    assert one["sha256"] == hash_of(said, added.json["sha256"])
    assert sign(two.answerer, concluded, 1).status_code == 200
    work(two)
    assert filed(two, 0) is not None
    assert filed(two, 1) is not None


def test_who_has_no_second_factor_does_not_sign(two: Two, concluded: str) -> None:
    with two.web.archive.database.writing() as db:
        factors.reseal(db, two.asker.user.id, "")
    put(two.answerer, concluded, 0)
    refused = sign(two.asker, concluded)
    assert (refused.status_code, "second factor" in refused.json["detail"]) == (409, True)


def test_the_page_is_a_pdf_with_our_font_and_english_beside_it(two: Two, concluded: str) -> None:
    with two.web.archive.database.writing() as db:
        accounts.update_user(db, two.answerer.user.id, language="en")
    body = two.asker.get(path(concluded)).json["body"]
    assert body["bilingual"] is True
    assert "infarct" in body["english"]["findings"].casefold()
    put(two.asker, concluded, 0, history=f"{VIETNAMESE}\n{SIGNS}\n<script>alert(1)</script> & <b>")
    answer = two.asker.get(path(concluded, ".pdf"))
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert set(re.findall(rb"BaseFont /[A-Z]+\+([A-Za-z-]+)", answer.data)) <= {
        b"Minutes",
        b"Minutes-Bold",
        b"Minutes-Italic",
    }
    with two.web.archive.database.reading() as db:
        consult = consults.by_id(db, 1)
        page = html(filing.paper_of(db, consult))
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_an_anonymised_patient_is_not_named_to_the_other_side(two: Two) -> None:
    consult = two.ask(anonymise=True)
    two.act(two.answerer, consult, "accepted")
    assert two.asker.get(path(consult)).json["body"]["patient_name"] == "Vàng A Sếnh"
    told = two.answerer.get(path(consult))
    assert not any(word in told.text for word in ("Sếnh", "LC-77"))
    put(two.answerer, consult, 0, history="x")
    assert two.asker.get(path(consult)).json["body"]["patient_id"] == "LC-77"
    with two.web.archive.database.reading() as db:
        found = consults.by_id(db, 1)
        assert "LC-77" not in html(filing.paper_of(db, found, named=False))


def test_no_letter_is_ever_left_out() -> None:
    assert missing(VIETNAMESE, SIGNS, "Ê\u0301") == []
    assert missing("mắt 👁 → ok", "漢") == ["漢", "👁"]


def test_every_act_is_in_the_log(two: Two, concluded: str) -> None:
    put(two.asker, concluded, 0)
    sign(two.asker, concluded)
    two.asker.get(path(concluded, ".pdf"))
    with two.web.archive.database.reading() as db:
        said = [(one.hospital, one.action) for one in audit.records(db) if one.action.startswith("minutes")]
        whole = json.dumps([one.detail for one in audit.records(db)], ensure_ascii=False)
    assert {("lao-cai", "minutes.sign"), ("bach-mai", "minutes.sign"), ("lao-cai", "minutes.read")} <= set(said)
    assert "Nhồi máu" not in whole
