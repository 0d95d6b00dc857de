"""What the web door logs holds nothing a patient could be known by, at any level, and one line stays one line."""

import logging

import pytest

from tests.viewer.conftest import PASSWORD, Web
from tests.viewer.objects import instance

CANARIES = ("CANARYNAME", "CANARYID", "19010101", "CANARYDESC", "CANARYACC", "CANARYFILE", "CANARYQUERY", PASSWORD)


def drive(web: Web) -> None:
    """Everything that touches a patient's name, and things that go wrong with it."""
    person = web.person("admin,technologist")
    attributes = {
        "PatientName": "CANARYNAME^An", "PatientID": "CANARYID", "PatientBirthDate": "19010101",
        "StudyDescription": "CANARYDESC", "AccessionNumber": "CANARYACC", "StudyInstanceUID": "1.2.3",
    }  # fmt: skip
    body = instance(**attributes)
    upload = {"content_type": "application/dicom", "headers": {"X-File-Name": "CANARYFILE"}}
    person.post("/api/uploads", data=body, **upload)
    person.post("/api/uploads", data=body, **upload)
    person.post("/api/uploads", data=b"CANARYNAME is not DICOM" * 20, **upload)
    for path in (
        "/api/worklist?q=CANARYQUERY", "/api/worklist?sort=CANARYQUERY", "/api/worklist?from=CANARYQUERY",
        "/api/worklist?after=CANARYQUERY", "/api/studies/1.2.3", "/api/studies/CANARYID", "/CANARYNAME/CANARYID",
        "/problems/CANARYNAME", "/static/CANARYNAME.js", "/read/CANARYNAME", "/api/changes?after=CANARYID",
        "/dicom-web/studies?PatientName=CANARYQUERY&PatientID=CANARYID", "/dicom-web/studies?CANARYQUERY=1",
        "/dicom-web/studies/1.2.3/metadata", "/dicom-web/studies/CANARYID/series", "/api/admin/conflicts",
        "/dicom-web/studies?StudyDate=CANARYQUERY", "/api/tasks/CANARYID",
    ):  # fmt: skip
        person.get(path)
        web.anonymous().get(path)
    person.patch("/api/studies/CANARYID", json={"status": "CANARYNAME"})
    person.post("/api/admin/peers", json={"ae_title": "CANARYNAME^AN^CANARYID", "host": "CANARY NAME"})
    web.anonymous().post("/api/session", json={"name": "CANARYNAME", "password": PASSWORD})
    web.anonymous().post("/api/session", data=b"CANARYNAME", content_type="application/json")
    web.anonymous().get("/healthz", headers={"X-Request-Id": "CANARYNAME", "Referer": "CANARYID"})
    stow = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--b--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    person.post("/dicom-web/studies", data=stow, content_type=kind)


def test_no_patient_is_in_the_logs(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        drive(web)
    assert len(caplog.records) > 40
    for record in caplog.records:
        text = f"{record.getMessage()} {record.exc_text or ''} {record.exc_info or ''}"
        for canary in CANARIES:
            assert canary not in text, f"{record.name}: {text}"


def test_every_request_is_one_line_with_its_route(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    person = web.person("admin,technologist")
    with caplog.at_level(logging.INFO, "viewer.requests"):
        person.get("/api/studies/1.2.840.10008")
        person.get("/api/studies/Nguyen%0aAn")
        web.anonymous().get("/nowhere%0d%0aINFO forged line")
    lines = [record.getMessage() for record in caplog.records if record.name == "viewer.requests"]
    assert [line.split(" ms ")[0].rsplit(" ", 2)[0] for line in lines] == [
        "GET /api/studies/1.2.840.10008",
        "GET /api/studies/*",
        "GET (no route)",
    ]
    assert lines[0].endswith(f" user-{person.user.id} 127.0.0.1")
    assert lines[2].endswith(" - 127.0.0.1")
    assert not any("\n" in line for line in lines)


def test_lines_carry_the_request_id(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    from pacs.logs import activity

    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(activity.get())  # type: ignore[method-assign]
    logger = logging.getLogger("viewer.requests")
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "viewer.requests"):
            answer = web.anonymous().get("/healthz")
    finally:
        logger.removeHandler(handler)
    assert seen == [answer.headers["X-Request-Id"]]
