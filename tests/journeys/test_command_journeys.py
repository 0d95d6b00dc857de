"""The command `hoichan` as an administrator of a hospital uses it."""

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from storage.index.database import Database
from storage.index.dump import canonical
from tests.support.corpus import images
from tests.support.dcmtk import dcmtk
from tests.support.processes import children
from tests.support.server import PASSWORD, ROOT, Browserless, Running, configured, serving
from tests.support.waiting import until


def folder_of_studies(folder: Path) -> Path:
    """A folder with two studies, one in a ZIP, a text file and a broken file."""
    source = folder / "in"
    source.mkdir(parents=True)
    files = images("series-ct/same-patient-two-studies/A002304/*/*.dcm")
    for number, path in enumerate(files[:-1]):
        (source / "deep" / str(number)).mkdir(parents=True)
        shutil.copy(path, source / "deep" / str(number) / "image")
    with zipfile.ZipFile(source / "last.zip", "w") as archive:
        archive.write(files[-1], "../../evil/name.dcm")
    (source / "readme.txt").write_text("not DICOM")
    broken = files[0].read_bytes()
    (source / "broken.dcm").write_bytes(broken[: len(broken) // 2])
    return source


def dump(running: Running) -> list[str]:
    """The index as text, without what only the first arrival knows."""
    database = Database(f"sqlite:///{running.folder / 'data' / 'index.sqlite'}")
    try:
        with database.reading() as db:
            return list(canonical(db))
    finally:
        database.close()


def test_import_says_what_became_of_everything_and_can_be_repeated(tmp_path: Path) -> None:
    running = configured(tmp_path)
    source = folder_of_studies(tmp_path)
    count = len(images("series-ct/same-patient-two-studies/A002304/*/*.dcm"))
    first = running.cli("import", str(source), check=False)
    assert first.returncode == 1  # the broken file
    table = " ".join(first.stdout.split())
    assert f"stored {count}" in table
    assert "quarantined (kept, not shown) 1" in table
    assert "not DICOM, skipped 1" in table
    assert "broken.dcm: " in first.stdout
    again = running.cli("import", str(source), check=False)
    assert f"stored 0 already there {count}" in " ".join(again.stdout.split())
    assert not (tmp_path / "evil").exists()


def test_the_index_is_made_anew_from_the_objects_and_is_the_same(tmp_path: Path) -> None:
    running = configured(tmp_path)
    running.cli("import", str(folder_of_studies(tmp_path)), check=False)
    running.cli("user", "add", "an", "--role", "platform,admin,technologist", "--password-stdin", stdin=PASSWORD)
    before = dump(running)
    assert any("study" in line for line in before)
    with sqlite3.connect(running.folder / "data" / "index.sqlite") as db:
        for table in ("instance", "series", "study", "name_token", "patient"):
            db.execute(f"DELETE FROM {table}")
    assert dump(running) != before
    rebuilt = running.cli("index", "rebuild")
    assert "instances" in rebuilt.stdout
    assert dump(running) == before
    assert "an" in running.cli("user", "list").stdout


def test_rebuild_is_refused_while_the_server_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        refused = running.cli("index", "rebuild", check=False)
        assert refused.returncode == 1
        assert "already works on" in refused.stderr


def test_first_start_prints_a_link_that_works_once(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        secret = running.setup_link().rsplit("/", 1)[1]
        person = {"secret": secret, "name": "an", "display_name": "Nguyễn Văn An", "password": PASSWORD}
        stranger = Browserless(running.base_url)
        assert stranger.get("/api/worklist").status == 401
        assert stranger.ask("POST", "/api/setup", person | {"secret": "x" * 43}).status >= 400
        assert stranger.ask("POST", "/api/setup", person).status == 200
        assert stranger.get("/api/worklist").status == 200
        assert Browserless(running.base_url).ask("POST", "/api/setup", person | {"name": "bo"}).status >= 400


def test_both_signals_end_it_cleanly_and_it_starts_again(tmp_path: Path) -> None:
    running = configured(tmp_path).start()
    assert running.stop(signal.SIGINT) == 0
    running.start()
    assert running.stop(signal.SIGTERM) == 0
    assert not list((tmp_path / "data" / "spool").glob("**/*.part"))


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    running = configured(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", running.web_port))
        taken.listen()
        refused = running.cli("serve", check=False)
    assert refused.returncode == 1
    assert f"port {running.web_port}" in refused.stderr
    assert "HOICHAN_WEB__PORT=" in refused.stderr


def test_a_killed_worker_loses_no_task(tmp_path: Path) -> None:
    """Manifests and thumbnails come after a kill -9 of the worker, too."""
    with serving(tmp_path) as running:
        client = running.add_admin()
        assert running.process is not None
        pids = children(running.process.pid)
        files = images("series-ct/same-patient-two-studies/*/*/*.dcm")
        dcmtk("storescu", "-aec", "HOICHAN", "127.0.0.1", running.dicom_port, *files)
        for pid in pids[:2]:  # codecs and worker
            os.kill(pid, signal.SIGKILL)

        def done() -> bool:
            with contextlib.closing(sqlite3.connect(running.folder / "data" / "index.sqlite")) as db:
                (left,) = db.execute("SELECT count(*) FROM series WHERE manifest_revision < revision").fetchone()
            return bool(left == 0)

        until(done, 180, pause=0.3)
        assert client.get("/healthz").status == 200


def test_programs_use_a_token_or_a_password(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.add_admin()
        running.cli("user", "add", "doc", "--role", "radiologist", "--password-stdin", stdin=PASSWORD)
        token = running.cli("token", "add", "viewer", "--scope", "dicomweb").stdout.strip()
        basic = base64.b64encode(f"doc:{PASSWORD}".encode()).decode()
        stranger = Browserless(running.base_url)
        assert stranger.get("/dicom-web/studies").status == 401
        assert stranger.get("/dicom-web/studies", Authorization=f"Bearer {token}").status == 200
        assert stranger.get("/dicom-web/studies", Authorization=f"Basic {basic}").status == 200
        assert stranger.get("/dicom-web/studies", Authorization=f"Bearer {token}x").status == 401
        assert stranger.get("/api/admin/users", Authorization=f"Bearer {token}").status in (401, 403)
        running.cli("user", "disable", "doc")
        assert stranger.get("/dicom-web/studies", Authorization=f"Basic {basic}").status == 401


def test_doctor_and_check_config_say_what_is_wrong(tmp_path: Path) -> None:
    running = configured(tmp_path)
    healthy = running.cli("doctor")
    for name in (
        "data folder",
        "disk",
        "index",
        "object store",
        "codecs",
        "web port",
        "DICOM port",
        "clock",
        "exposure",
    ):
        assert name in healthy.stdout
    sick = configured(tmp_path / "sick", HOICHAN_OBJECTS__URL="s3://127.0.0.1:9/UPPER?secure=false")
    said = sick.cli("doctor", check=False)
    assert said.returncode == 1
    assert "✗ object store" in said.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", "pacs", "check-config"],
        cwd=ROOT, env={**os.environ, "HOICHAN_DICOM__PRT": "1", "HOICHAN_WEB__PORT": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "did you mean" in wrong.stderr
    assert "web.port" in wrong.stderr


def test_the_sample_studies_arrive(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        client = running.add_admin()
        task = client.ask("POST", "/api/samples", {}).json()["task"]

        def state() -> dict[str, object]:
            return dict(client.get(f"/api/tasks/{task}").json())

        until(lambda: state()["state"] in ("done", "failed", "dead"), 300)
        assert state()["state"] == "done", json.dumps(state())
        studies = client.get("/api/worklist?limit=50").json()["studies"]
        assert max(study["instances"] for study in studies) == 200
        assert len(studies) >= 4


def test_s3_and_postgresql_forget_nothing_over_a_restart(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    from tests.journeys.conftest import backends

    running = configured(tmp_path, **backends(request, tmp_path))
    running.cli("import", str(folder_of_studies(tmp_path)), check=False)
    running.start()
    client = running.add_admin()
    before = client.get("/api/worklist").json()["studies"]
    assert running.stop() == 0
    running.start()
    after = running.client().get("/api/worklist").json()["studies"]
    assert [s["StudyInstanceUID"] for s in after] == [s["StudyInstanceUID"] for s in before] != []
    assert running.stop() == 0
    assert "instances" in running.cli("index", "rebuild").stdout
