"""Every response carries the security headers: pages, data, files, errors."""

import re

import pytest

from tests.viewer.conftest import Web

PATHS = (
    "/", "/read/1.2.3", "/static/assets/app-1a2b.js", "/static/no", "/healthz", "/problems/NotFound", "/problems/No",
    "/api/session", "/api/setup", "/api/worklist", "/api/worklist?limit=many", "/api/changes?after=0", "/api/events",
    "/api/studies/1.2", "/api/tasks/9", "/api/admin/users", "/api/admin/health", "/api/admin/conflicts", "/nowhere",
    "/dicom-web/studies", "/dicom-web/studies/1.2", "/dicom-web/studies/1.2/series/1/instances/3/frames/x",
    "/static/../../etc/passwd", "/%00",
)  # fmt: skip
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def policy(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.strip().partition(" ") for part in text.split(";"))}


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_every_response_carries_them(web: Web, method: str, signed_in: bool) -> None:
    client = web.person("admin").client if signed_in else web.anonymous()
    for path in PATHS:
        response = client.open(path, method=method)
        page = path.startswith("/read/") and response.status_code < 400  # where people talk
        for name, value in ALWAYS.items():
            assert response.headers.get(name) == value, f"{method} {path}: {name}"
        rules = policy(response.headers["Content-Security-Policy"])
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == "'none'"
        assert "unsafe-eval" not in re.sub("wasm-unsafe-eval", "", response.headers["Content-Security-Policy"])
        assert ("camera=(self)" if page else "camera=()") in response.headers["Permissions-Policy"]
        assert re.fullmatch(r"r-[0-9a-f-]{8,64}", response.headers["X-Request-Id"])
        assert response.headers["Cache-Control"]
        response.close()


def test_data_is_never_kept_by_a_browser(web: Web) -> None:
    admin = web.person("admin")
    for path in ("/api/session", "/api/worklist", "/api/changes?after=0", "/api/admin/users", "/healthz"):
        assert admin.get(path).headers["Cache-Control"] == "no-store", path


def test_only_the_reading_room_may_style_inline(web: Web) -> None:
    client = web.anonymous()
    worklist = policy(client.get("/").headers["Content-Security-Policy"])
    reading = policy(client.get("/read/1.2.3").headers["Content-Security-Policy"])
    assert worklist["style-src"] == "'self'"
    assert reading["style-src"] == "'self' 'unsafe-inline'"
    assert worklist["script-src"] == reading["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert worklist["connect-src"] == "'self'"
    assert worklist["worker-src"] == "'self' blob:"


def test_text_never_becomes_markup_or_script(web: Web) -> None:
    client = web.anonymous()
    for path, named in (("/", "'none'"), ("/s/x", "'none'"), ("/read/1.2.3", "default")):
        rules = policy(client.get(path).headers["Content-Security-Policy"])
        assert rules["require-trusted-types-for"] == "'script'", path
        assert rules["trusted-types"] == named, path


def test_https_is_remembered_by_the_browser(web: Web) -> None:
    assert "Strict-Transport-Security" in web.anonymous().get("/", base_url="https://localhost").headers
    assert "Strict-Transport-Security" not in web.anonymous().get("/").headers


def test_a_request_keeps_the_id_it_came_with(web: Web) -> None:
    client = web.anonymous()
    assert client.get("/healthz", headers={"X-Request-Id": "0123456789abcdef"}).headers["X-Request-Id"] == (
        "r-0123456789abcdef"
    )
    forged = client.get("/healthz", headers={"X-Request-Id": "Nguyen Van An"}).headers["X-Request-Id"]
    assert "Nguyen" not in forged
