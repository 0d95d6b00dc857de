"""The page shells and their assets."""

import gzip
from pathlib import Path

import pytest

from tests.viewer.conftest import Web
from viewer.app import create_app


def test_the_pages_are_served_without_a_session_and_are_asked_for_again(web: Web) -> None:
    client = web.anonymous()
    worklist, reading = client.get("/"), client.get("/read/1.2.840.1")
    assert "worklist" in worklist.text
    assert "reading" in reading.text
    assert worklist.content_type == "text/html; charset=utf-8"
    assert worklist.headers["Cache-Control"] == reading.headers["Cache-Control"] == "no-cache"
    again = client.get("/", headers={"If-None-Match": worklist.headers["ETag"]})
    assert again.status_code == 304


def test_assets_are_kept_for_ever_because_their_name_is_their_content(web: Web) -> None:
    answer = web.anonymous().get("/static/assets/app-1a2b.js")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert web.anonymous().get("/static/index.html").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepts", "encoding"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None), ("", None)]
)
def test_the_smaller_twin_is_served_to_who_takes_it(web: Web, dist: Path, accepts: str, encoding: str | None) -> None:
    original = (dist / "assets" / "app-1a2b.js").read_bytes()
    (dist / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(original))
    (dist / "assets" / "app-1a2b.js.br").write_bytes(b"brotli")
    answer = web.anonymous().get("/static/assets/app-1a2b.js", headers={"Accept-Encoding": accepts})
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.content_type == "text/javascript; charset=utf-8"
    plain = {None: original, "gzip": gzip.compress(original), "br": b"brotli"}[encoding]
    assert len(answer.data) == len(plain)


@pytest.mark.parametrize(
    "path",
    [
        "../config.yaml",
        "%2e%2e/config.yaml",
        "..%2fconfig.yaml",
        "/etc/passwd",
        "assets/../../secret.js",
        "assets",
        "assets/x.js",
        "a%00.js",
    ],
)
def test_nothing_outside_is_served(web: Web, dist: Path, path: str) -> None:
    (dist.parent / "config.yaml").write_text("secret")
    (dist.parent / "secret.js").write_text("secret")
    answer = web.anonymous().get(f"/static/{path}")
    assert answer.status_code in (400, 404)
    assert "secret" not in answer.text


def test_a_file_of_a_kind_we_do_not_make_is_not_served(web: Web, dist: Path) -> None:
    (dist / "assets" / "page.php").write_text("x")
    assert web.anonymous().get("/static/assets/page.php").status_code == 404


def test_without_a_build_the_page_says_what_to_do(web: Web, tmp_path: Path) -> None:
    app = create_app(web.archive, web.config, dist=tmp_path / "none")
    for path in ("/", "/read/1.2.3"):
        answer = app.test_client().get(path)
        assert answer.status_code == 503
        assert "make web" in answer.text
        assert answer.content_type.startswith("text/html")
    missing = app.test_client().get("/static/assets/x.js")
    assert (missing.json or {})["type"] == "/problems/NotBuilt"


def test_a_page_holds_nothing_of_the_study_it_is_for(web: Web) -> None:
    outcome = web.store()
    assert outcome.key is not None
    client = web.anonymous()
    assert client.get(f"/read/{outcome.key.study_instance_uid}").data == client.get("/read/1.2.3").data
