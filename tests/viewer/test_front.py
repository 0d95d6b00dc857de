"""The shipped configurations of nginx and Caddy, run by the real programs before the real server."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacs.command.supervisor import die_with_parent
from tests.support.certificates import authority
from tests.support.corpus import images
from tests.support.server import ADMIN, PASSWORD, ROOT, Running, configured, free_port
from tests.support.waiting import until

HOST = "localhost"
CT = images("modalities/ct/CT_small.dcm", "CT_small.dcm")[0]


@dataclass
class Front:
    """A TLS front, and curl as somebody who is signed in."""

    port: int
    folder: Path
    csrf: str = ""

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def command(self, path: str, *more: str) -> list[str]:
        jar = str(self.folder / "cookies")
        return [
            "curl", "--silent", "--show-error", "--http2", "--cacert", str(self.folder / "ca.pem"), "--noproxy", "*",
            "--resolve", f"{HOST}:{self.port}:127.0.0.1", "--cookie", jar, "--cookie-jar", jar, "--max-time", "240",
            "--header", f"X-CSRF-Token: {self.csrf}", "--header", f"Origin: {self.url}", *more, self.url + path,
        ]  # fmt: skip

    def curl(self, path: str, *more: str) -> tuple[str, dict[str, str], bytes]:
        """Protocol and status, headers, body."""
        body = self.folder / "body"
        command = self.command(path, "--dump-header", "-", "--output", str(body), *more)
        done = subprocess.run(command, capture_output=True, check=True, timeout=300)
        lines = [line for line in done.stdout.decode().split("\r\n") if line]
        last = max(number for number, line in enumerate(lines) if line.startswith("HTTP/"))
        headers = dict(line.lower().split(": ", 1) for line in lines[last + 1 :] if ": " in line)
        return lines[last].strip(), headers, body.read_bytes() if body.exists() else b""


def nginx(front: Front, target: int) -> list[str]:
    """The site as it is shipped, inside the least of a main configuration."""
    text = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
    http = free_port()
    for ours, theirs in (
        ("127.0.0.1:8080", f"127.0.0.1:{target}"),
        ("pacs.benhvien.vn", HOST),
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ", f"listen 127.0.0.1:{front.port} "),
        ("/etc/hoichan/web.pem", str(front.folder / "web.pem")),
        ("/etc/hoichan/web.key", str(front.folder / "web.key")),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    (front.folder / "site.conf").write_text(text, encoding="utf-8")
    paths = " ".join(f"{kind}_temp_path {front.folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    main = (
        f"daemon off; pid {front.folder}/pid; error_log stderr; events {{}} "
        f"http {{ access_log off; client_body_temp_path {front.folder}/body-temp; {paths} "
        f"include {front.folder}/site.conf; }}"
    )
    (front.folder / "nginx.conf").write_text(main, encoding="utf-8")
    return ["nginx", "-p", str(front.folder), "-c", str(front.folder / "nginx.conf")]


def caddy(front: Front, target: int) -> list[str]:
    text = (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8")
    for ours, theirs in (
        ("127.0.0.1:8080", f"127.0.0.1:{target}"),
        ("\npacs.benhvien.vn {", f"\n{{\n\tadmin off\n\tauto_https off\n}}\n{HOST}:{front.port} {{"),
        ("# tls /etc/hoichan/web.pem /etc/hoichan/web.key", f"tls {front.folder}/web.pem {front.folder}/web.key"),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    (front.folder / "Caddyfile").write_text(text, encoding="utf-8")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(front.folder / "Caddyfile")]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Running]:
    settings = {"HOICHAN_WEB__PUBLIC_URL": f"https://{HOST}:{port}"}
    running = configured(tmp_path_factory.mktemp("front"), **settings).start()
    running.register(
        "user", "add", ADMIN, "--role", "platform,admin,technologist", "--password-stdin", stdin=PASSWORD + "\n"
    )
    yield running
    running.stop()


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def front(
    request: pytest.FixtureRequest, server: Running, tmp_path_factory: pytest.TempPathFactory, port: int
) -> Iterator[Front]:
    """One front after the other at the public address; signed in."""
    configure: Callable[[Front, int], list[str]] = request.param
    folder = tmp_path_factory.mktemp(configure.__name__)
    made = Front(port, folder)
    ours = authority(folder, "ca")
    certificate = ours.issue("web")
    shutil.copy(certificate.certificate, folder / "web.pem")
    shutil.copy(certificate.key, folder / "web.key")
    with running(configure(made, server.web_port), folder):
        until(lambda: subprocess.run(made.command("/healthz"), capture_output=True, check=False).returncode == 0)
        credentials = f'{{"name": "{ADMIN}", "password": "{PASSWORD}"}}'
        status, _, body = made.curl("/api/session", "--json", credentials)
        assert " 200" in status, body
        found = re.search(rb'"csrf": ?"([^"]+)"', body)
        assert found
        made.csrf = found[1].decode()
        yield made


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is missing. Install what the tests need with: tools/debian-packages")
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=die_with_parent)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def stored(front: Front) -> str:
    """The path of the CT instance, stored through the front as a stream without a length."""
    part = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + CT.read_bytes() + b"\r\n--b--\r\n"
    (front.folder / "part").write_bytes(part)
    status, _, body = front.curl(
        "/dicom-web/studies", "--request", "POST", "--upload-file", str(front.folder / "part"),
        "--header", 'Content-Type: multipart/related; type="application/dicom"; boundary=b',
        "--header", "Accept: application/dicom+json",
    )  # fmt: skip
    assert " 200" in status, body
    found = re.search(rb"https://[^\"]+/instances/[0-9.]+", body)
    assert found, "the addresses are those of the public URL"
    assert found[0].startswith(front.url.encode()), found[0]
    return found[0].decode()[len(front.url) :]


def test_stores_and_retrieves_over_http_2(front: Front) -> None:
    path = stored(front)
    status, headers, whole = front.curl(f"{path}/frames/1", "--header", "Accept: application/octet-stream")
    assert status.startswith("HTTP/2 200")
    assert len(whole) == 128 * 128 * 2
    assert "strict-transport-security" in headers
    status, headers, part = front.curl(
        f"{path}/frames/1", "--header", "Accept: application/octet-stream", "--range", "100-199"
    )
    assert status.startswith("HTTP/2 206")
    assert part == whole[100:200]
    status, _, _ = front.curl(
        f"{path}/frames/1", "--header", "Accept: application/octet-stream",
        "--header", f"If-None-Match: {headers['etag']}",
    )  # fmt: skip
    assert status.startswith("HTTP/2 304")


def test_packed_once(front: Front) -> None:
    series = stored(front).partition("/instances/")[0]
    _, headers, packed = front.curl(f"{series}/metadata", "--header", "Accept-Encoding: gzip")
    assert headers["content-encoding"] == "gzip"
    assert packed[:2] == b"\x1f\x8b"
    _, headers, _ = front.curl(f"{series}/opening", "--header", "Accept-Encoding: gzip")
    assert "content-encoding" not in headers


def _sizes(spool: Path) -> Iterator[int]:
    """Of the files that are there; each may be gone in the next moment."""
    for file in spool.iterdir():
        with suppress(FileNotFoundError):
            yield file.stat().st_size


def test_what_is_sent_up_arrives_while_it_is_sent(front: Front, server: Running) -> None:
    """The spool grows while the client holds back the rest."""
    spool = server.folder / "data" / "spool"
    command = front.command(
        "/dicom-web/studies", "--request", "POST", "--header", "Expect:", "--upload-file", "-",
        "--header", 'Content-Type: multipart/related; type="application/dicom"; boundary=b',
    )  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sending:
        assert sending.stdin is not None
        sending.stdin.write(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + CT.read_bytes()[:200] + bytes(3 << 20))
        sending.stdin.flush()
        until(lambda: any(size > 1 << 20 for size in _sizes(spool)))
        sending.stdin.write(b"\r\n--b--\r\n")
        sending.stdin.close()
        sending.wait(120)


def test_events_come_at_once(front: Front) -> None:
    with subprocess.Popen(front.command("/api/events", "--no-buffer"), stdout=subprocess.PIPE) as listening:
        assert listening.stdout is not None
        first = listening.stdout.readline()
        assert first.strip(), "the first line comes while the stream stays open"
        assert listening.poll() is None
        listening.terminate()


def test_a_socket_reaches_the_rooms(front: Front) -> None:
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    more = [part for line in (*upgrade, key) for part in ("--header", line)]
    with subprocess.Popen(
        front.command("/ws", "--http1.1", "--no-buffer", "--dump-header", "-", *more), stdout=subprocess.PIPE
    ) as listening:
        assert listening.stdout is not None
        status = listening.stdout.readline()
        headers = [line.lower() for line in iter(listening.stdout.readline, b"\r\n")]
        assert b" 101 " in status
        assert b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n" in headers
        listening.terminate()
