"""Answers that are long and hold no secret are gzipped for clients that take it."""

import gzip
import json

from tests.viewer.conftest import Web


def test_a_long_list_is_gzipped_for_who_takes_it(web: Web) -> None:
    for number in range(12):
        web.store(StudyInstanceUID=f"1.2.{number}", PatientName=f"Nguyễn^Văn {number}")
    reader = web.person("radiologist")
    plain = reader.get("/api/worklist", headers={"Accept-Encoding": "identity"})
    packed = reader.get("/api/worklist", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.content_length == len(packed.get_data())
    assert json.loads(gzip.decompress(packed.get_data()))["studies"] == json.loads(plain.get_data())["studies"]
    assert len(packed.get_data()) < len(plain.get_data()) / 3


def test_short_answers_and_secrets_are_left_alone(web: Web) -> None:
    reader = web.person("radiologist")
    for path in ("/api/worklist", "/api/session"):
        assert "Content-Encoding" not in reader.get(path, headers={"Accept-Encoding": "gzip"}).headers
