"""What people bring in through the browser."""

import io
import zipfile
from typing import Any
from urllib.parse import quote

import pytest
from pydicom.uid import generate_uid

from pacs.command.standalone import codecs_if_none
from tests.viewer.conftest import Person, Web
from tests.viewer.objects import instance


def upload(person: Person, body: bytes, name: str = "a.dcm", **more: Any) -> Any:
    headers = {"X-File-Name": quote(name), **more.pop("headers", {})}
    return person.post("/api/uploads", data=body, content_type="application/dicom", headers=headers, **more)


def packed(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def counts(answer: Any) -> dict[str, int]:
    return {name: value for name, value in answer.json.items() if isinstance(value, int) and value}


def spooled(web: Web) -> list[str]:
    return [path.name for path in web.config.spool.rglob("*") if path.is_file()]


def test_a_file_is_stored_once(web: Web) -> None:
    person = web.person("technologist")
    body, study = instance(StudyInstanceUID="1.2.3.4"), "1.2.3.4"
    first = upload(person, body)
    assert first.status_code == 200
    assert counts(first) == {"stored": 1}
    assert first.json["studies"] == [study]
    assert counts(upload(person, body)) == {"already": 1}
    assert person.get("/api/worklist").json["total"] == 1
    assert spooled(web) == []


def test_other_bytes_of_the_same_instance_are_a_conflict(web: Web) -> None:
    person = web.person("technologist")
    uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
    with codecs_if_none(web.config):
        upload(person, instance(**uids))
        assert counts(upload(person, instance(**uids, PixelData=b"\x09" * 8))) == {"conflict": 1}
    conflicts = person.get("/api/admin/conflicts").json["conflicts"]
    assert [entry["sop_instance_uid"] for entry in conflicts] == ["1.2.5"]


@pytest.mark.parametrize("body", [b"not an image at all" * 50, b"x", b"\xff\xd8\xff\xe0" + bytes(100_000)])
def test_what_is_not_dicom_is_refused_and_the_sender_told(web: Web, body: bytes) -> None:
    person = web.person("technologist")
    answer = upload(person, body, "Nguyễn.txt")
    assert counts(answer) == {"refused": 1}
    assert answer.json["problems"] == [{"name": "Nguyễn.txt", "reason": "this is not a DICOM file"}]
    assert person.get("/api/admin/quarantine").json["quarantine"] == []


def test_half_an_instance_is_quarantined_and_the_sender_told(web: Web) -> None:
    person = web.person("technologist")
    answer = upload(person, instance(Rows=8, Columns=8, BitsAllocated=8, PixelData=bytes(64))[:-20], "half.dcm")
    assert counts(answer) == {"quarantined": 1}
    assert answer.json["problems"][0]["reason"]
    assert len(person.get("/api/admin/quarantine").json["quarantine"]) == 1


def test_a_zip_archive_is_unpacked(web: Web) -> None:
    person = web.person("technologist")
    study = generate_uid()
    members = {f"d/{n}": instance(StudyInstanceUID=study) for n in range(3)}
    answer = upload(person, packed(**members, **{"readme.txt": b"hello"}), "a.zip")
    assert counts(answer) == {"stored": 3}
    assert answer.json["studies"] == [study]
    assert counts(upload(person, packed(**members), "a.zip")) == {"already": 3}
    assert spooled(web) == []


def test_names_inside_a_zip_archive_go_nowhere(web: Web, tmp_path: Any) -> None:
    person = web.person("technologist")
    names = ("../../escape.dcm", "/tmp/hoichan-escape.dcm", "C:\\escape.dcm", "a\x00b", "x" * 300)
    answer = upload(person, packed(**{name: instance() for name in names}), "a.zip")
    assert counts(answer).get("stored", 0) + counts(answer).get("refused", 0) == len(names)
    assert not list(tmp_path.rglob("*escape*"))


def test_a_zip_bomb_is_refused(web: Web) -> None:
    person = web.person("technologist")
    answer = upload(person, packed(bomb=b"\x00" * (64 << 20)), "bomb.zip")
    assert "stored" not in counts(answer)
    assert spooled(web) == []


def test_a_broken_zip_archive_is_said(web: Web) -> None:
    answer = upload(web.person("technologist"), packed(a=instance())[:-30], "broken.zip")
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or counts(answer)


def test_a_dicom_file_that_looks_like_zip_is_dicom(web: Web) -> None:
    body = b"PK\x03\x04" + instance()[4:]
    assert counts(upload(web.person("technologist"), body)) == {"stored": 1}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_refused(web: Web, encoding: str) -> None:
    answer = upload(web.person("technologist"), instance(), headers={"Content-Encoding": encoding})
    assert answer.status_code == 415
    assert spooled(web) == []


def test_an_empty_body_is_refused(web: Web) -> None:
    assert upload(web.person("technologist"), b"").status_code == 400


def test_a_body_over_the_limit_is_refused_and_leaves_nothing(web: Web) -> None:
    from dataclasses import replace

    from pacs.config import WebConfig
    from viewer.app import create_app

    app = create_app(web.archive, replace(web.config, web=WebConfig(max_upload_mb=1)))
    person = web.person("technologist")
    secret = person.client.get_cookie("hoichan")
    assert secret is not None
    client = app.test_client()
    client.set_cookie("hoichan", secret.value)
    small = Person(client, person.user, person.csrf)
    assert upload(small, b"\x00" * (2 << 20)).status_code == 413
    endless = {"input_stream": io.BytesIO(b"\x00" * (2 << 20)), "environ_overrides": {"wsgi.input_terminated": True}}
    assert small.post("/api/uploads", content_type="application/dicom", **endless).status_code == 413
    assert spooled(web) == []


def test_it_goes_to_the_hospital_that_is_named_if_it_is_mine(web: Web) -> None:
    web.hospital_of("other")
    person = web.person("technologist")
    assert person.post("/api/uploads?hospital=other", data=instance()).status_code == 404
    assert person.post("/api/uploads?hospital=main", data=instance()).status_code == 200
