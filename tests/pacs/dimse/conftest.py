"""A DICOM door on a free port, with a real archive behind it, and peers that DCMTK's clients call as."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pacs.archive import Archive
from pacs.config import DicomConfig
from pacs.dimse import listen, serve
from pacs.pixels.pool import Codecs, start_codec_server
from storage.index import hospitals, peers
from storage.index.database import Database
from storage.model.archive import Hospital, Instance, Scope, StoredObject
from storage.model.people import Peer
from storage.model.query import Level, Query
from storage.objects.filesystem import FilesystemStore
from tests.support.index import lay_index
from tests.support.server import free_port
from tests.support.waiting import PATIENCE

ALL = ("store", "query", "retrieve")
HOST = "127.0.0.1"


@dataclass(slots=True)
class Door:
    """The archive, its hospital and the port of its DICOM door."""

    archive: Archive
    hospital: Hospital
    config: DicomConfig
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return self.config.port

    @property
    def scope(self) -> Scope:
        return Scope(frozenset({self.hospital.id}))

    def open(self) -> "Door":
        listener = listen(self.config)
        ready = threading.Event()
        self.thread = threading.Thread(
            target=serve, args=(self.config, self.archive, self.stop, ready.set, listener), daemon=True
        )
        self.thread.start()
        assert ready.wait(PATIENCE)
        return self

    def close(self) -> None:
        self.stop.set()
        if self.thread is not None:
            self.thread.join(PATIENCE)
            assert not self.thread.is_alive()
        self.archive.close()

    def peer(
        self,
        ae_title: str,
        *allow: str,
        host: str = HOST,
        port: int | None = None,
        hospital: Hospital | None = None,
        charset: str = "",
    ) -> Peer:
        """Make a peer known."""
        where = hospital or self.hospital
        peer = Peer(ae_title, where.id, where.code, host, port, frozenset(allow), charset=charset)
        with self.archive.database.writing() as db:
            return peers.add(db, peer)

    def instance(self, sop_instance_uid: str) -> Instance:
        return self.archive.instance_by_uid(self.scope, sop_instance_uid)

    def content(self, sop_instance_uid: str) -> bytes:
        """The stored object."""
        return self.archive.bytes_of(self.instance(sop_instance_uid))

    def count(self) -> int:
        """How many instances are indexed."""
        return sum(1 for _ in self.archive.find(Query(Level.IMAGE, self.scope, (), ("SOPInstanceUID",))))

    def objects(self) -> list[StoredObject]:
        """What the object store holds."""
        store = self.archive.objects
        return list(store.keys())

    def spooled(self) -> list[Path]:
        return list(self.archive.spool.iterdir()) if self.archive.spool.exists() else []

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=PATIENCE)


def new_door(folder: Path, codecs: Codecs | None = None, **settings: Any) -> Door:
    """A door that is not open yet."""
    database = Database(lay_index(folder / "index.sqlite"))
    with database.writing() as db:
        hospital = hospitals.ensure(db, "main", "Bệnh viện")
    archive = Archive(database, FilesystemStore(folder / "objects"), folder / "spool", codecs)
    config = replace(DicomConfig(host=HOST, port=free_port()), **settings)
    return Door(archive, hospital, config)


@pytest.fixture(scope="package")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Codecs]:
    """Codec processes."""
    path = tmp_path_factory.mktemp("codecs") / "s"
    with start_codec_server(path, processes=1):
        yield Codecs(path)


@pytest.fixture
def door(tmp_path: Path, codecs: Codecs) -> Iterator[Door]:
    """An open door that knows DCMTK's clients by their default AE titles."""
    opened = new_door(tmp_path, codecs).open()
    for ae_title in ("ECHOSCU", "STORESCU", "DCMSEND", "FINDSCU", "MOVESCU", "GETSCU", "TEST"):
        opened.peer(ae_title, *ALL)
    yield opened
    opened.close()
