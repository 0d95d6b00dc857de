"""What cannot be read, or is over a limit: the sender is told, the bytes are kept in quarantine, nothing is indexed."""

import struct
from pathlib import Path

import pytest

from pacs.association import pdu
from storage.index import instances
from tests.pacs.dimse.conftest import HOST, Door
from tests.pacs.dimse.objects import ct, dataset_bytes, write
from tests.pacs.dimse.test_store import store_rq
from tests.pacs.dimse.wire import associate
from tests.support.dcmtk import dcmtk

_SEQUENCE = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
    "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
)
ODD = {
    "nested": _SEQUENCE * 100,
    "a flood": struct.pack("<HH2sH", 0x0041, 0x1001, b"LO", 0) * 250_000,
    "a value of 4 GB": struct.pack("<HH2sHI", 0x0041, 0x1001, b"UN", 0, 0xFFFFFFF0),
    "noise": b"",
}


def _quarantined(door: Door) -> list[str]:
    with door.archive.database.reading() as db:
        return [entry.reason for entry in instances.quarantined(db, door.scope)]


@pytest.mark.parametrize("what", ODD)
def test_the_sender_hears_c000_and_nothing_is_indexed(door: Door, tmp_path: Path, what: str) -> None:
    path = write(tmp_path, ct())
    sound = dataset_bytes(path)
    data = sound[: sound.index(struct.pack("<HH", 0x7FE0, 0x0010))] + ODD[what] if ODD[what] else bytes(range(256)) * 9
    connection, stream = associate(door)
    connection.sendall(b"".join(pdu.message(1, store_rq(path.stem), data, 16384)))
    assert stream.read_command()[1].status == 0xC000
    connection.sendall(b"".join(pdu.message(1, store_rq(path.stem, 2), sound, 16384)))
    assert stream.read_command()[1].status == 0  # the association goes on, and the sound one is stored
    connection.close()
    assert door.count() == 1
    assert len(_quarantined(door)) == 1


def test_storescu_is_told_too(door: Door, tmp_path: Path) -> None:
    dataset = ct()
    path = write(tmp_path, dataset)
    del dataset.StudyInstanceUID
    dataset.save_as(path)
    said = dcmtk("storescu", "-v", "-aec", "HOICHAN", HOST, door.port, path, check=False)
    assert "CannotUnderstand" in said.replace(" ", "") or "0xc000" in said.lower(), said
    assert door.count() == 0
    assert _quarantined(door) == ["there is no Study Instance UID"]
