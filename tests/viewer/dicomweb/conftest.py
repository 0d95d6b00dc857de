"""An archive made of the real parts and the DICOMweb rooms before it, with a guard that only says whose rows to see."""

import functools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pydicom
import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from pacs.archive import Archive
from pacs.config import WebConfig
from pacs.pixels.pool import Codecs, start_codec_server
from storage.index import hospitals
from storage.index.database import Database
from storage.model.archive import InstanceKey, Origin, Scope
from storage.model.audit import Actor
from storage.objects.base import ObjectStore
from storage.objects.filesystem import FilesystemStore
from storage.objects.memory import MemoryStore
from tests.support.corpus import images
from tests.support.index import lay_index
from viewer import problems
from viewer.access.guard import Guard
from viewer.addresses import LateRule
from viewer.dicomweb import blueprint

PUBLIC = "https://pacs.example"
_FIRST_PORT, _LAST_PORT = 18200, 18300


class TestGuard:
    """Lets everybody in; the header X-Hospital says whose rows they see."""

    __test__ = False

    def __init__(self, first: Origin) -> None:
        self.first = first

    def needs(self, right: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                return view(*args, **kwargs)

            return guarded

        return declare

    def caller(self) -> Any:
        hospital = int(request.headers.get("X-Hospital", self.first.hospital_id))
        return SimpleNamespace(scope=Scope(frozenset({hospital})), name="test", label="test")

    def actor(self) -> Actor:
        return Actor("test")

    def viewed(self, study: str, hospital_id: Callable[[], int], how: str = "view") -> None:
        assert {hospital_id()} == self.caller().scope.hospital_ids

    def origin(self, door: str, hospital_code: str = "") -> Origin:
        return self.first


@dataclass
class Shelf:
    """An archive, its application, and what lies in it."""

    archive: Archive
    app: Flask
    origin: Origin
    placed: dict[Path, tuple[Origin, InstanceKey]] = field(default_factory=dict)

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def hospital(self, code: str) -> Origin:
        with self.archive.database.writing() as db:
            hospital = hospitals.ensure(db, code, code)
        return Origin(hospital.id, hospital.code, "import", "test")

    def put(self, path: Path, origin: Origin | None = None) -> InstanceKey:
        origin = origin or self.origin
        with self.archive.receive(origin) as incoming:
            incoming.write(path.read_bytes())
            outcome = self.archive.store(incoming)
        assert outcome.key is not None, f"{path}: {outcome}"
        self.placed[path] = (origin, outcome.key)
        return outcome.key

    def address(self, path: Path) -> tuple[str, dict[str, str]]:
        """The URL path of the instance of this file, and the header that makes it visible."""
        origin, key = self.placed[path]
        return url_of(key), {"X-Hospital": str(origin.hospital_id)}


def url_of(key: InstanceKey) -> str:
    study, series, sop = key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid
    return f"/dicom-web/studies/{study}/series/{series}/instances/{sop}"


@pytest.fixture(scope="session")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Codecs]:
    socket = tmp_path_factory.mktemp("codecs") / "s"
    server = start_codec_server(socket, processes=2)
    yield Codecs(socket)
    server.stop()


def make_shelf(folder: Path, codecs: Codecs, objects: ObjectStore, public_url: str = PUBLIC) -> Shelf:
    database = Database(lay_index(folder / "index.sqlite"))
    archive = Archive(database, objects, folder / "spool", codecs)
    with database.writing() as db:
        hospital = hospitals.ensure(db, "main", "Bệnh viện")
    origin = Origin(hospital.id, hospital.code, "stow", "test")
    app = Flask("test")
    app.url_rule_class = LateRule  # this and the next as viewer/app.py does
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    problems.install(app)
    guard = cast(Guard, TestGuard(origin))
    app.register_blueprint(blueprint(archive, guard, WebConfig(public_url=public_url, max_upload_mb=64)))
    return Shelf(archive, app, origin)


@pytest.fixture
def shelf(tmp_path: Path, codecs: Codecs) -> Iterator[Shelf]:
    """An empty archive in files."""
    made = make_shelf(tmp_path, codecs, FilesystemStore(tmp_path / "objects"))
    yield made
    made.archive.close()


@pytest.fixture(params=["files", "memory"])
def any_shelf(request: pytest.FixtureRequest, tmp_path: Path, codecs: Codecs) -> Iterator[Shelf]:
    """An empty archive in files, and one whose objects have no path."""
    objects: ObjectStore = FilesystemStore(tmp_path / "objects") if request.param == "files" else MemoryStore()
    made = make_shelf(tmp_path, codecs, objects)
    yield made
    made.archive.close()


def is_indexed(path: Path) -> bool:
    """Whether it has the UIDs that name it; others are kept in quarantine and cannot be retrieved."""
    found = pydicom.dcmread(path, force=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return all(re.fullmatch(r"[0-9.]{1,64}", str(found.get(name, ""))) for name in names)


SYNTAXES = [
    path
    for path in images("transfer-syntaxes/**/*", "transfer-syntaxes/small-mr/MR_small*.dcm", "CT_small.dcm")
    if is_indexed(path)
]


@pytest.fixture(scope="session")
def syntaxes(tmp_path_factory: pytest.TempPathFactory, codecs: Codecs) -> Iterator[Shelf]:
    """Every file of the corpus of transfer syntaxes, each in a hospital of its own: many share their UIDs."""
    folder = tmp_path_factory.mktemp("syntaxes")
    made = make_shelf(folder, codecs, FilesystemStore(folder / "objects"))
    for number, path in enumerate(SYNTAXES):
        made.put(path, made.hospital(f"h{number}"))
    yield made
    made.archive.close()


@pytest.fixture
def served(shelf: Shelf) -> Iterator[tuple[Shelf, str]]:
    """The shelf behind a real HTTP server, without a public URL."""
    app = Flask("served")
    problems.install(app)
    guard = cast(Guard, TestGuard(shelf.origin))
    for port in range(_FIRST_PORT, _LAST_PORT):
        try:
            server = make_server("127.0.0.1", port, app, threaded=True)
            break
        except (OSError, SystemExit):
            continue
    else:
        pytest.fail("no free port")
    root = f"http://127.0.0.1:{port}"
    app.register_blueprint(blueprint(shelf.archive, guard, WebConfig(public_url=root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield shelf, root
    server.shutdown()
    thread.join()
