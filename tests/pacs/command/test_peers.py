"""The command `hoichan peers`: certificates and limits stay until they are changed; refusals are listed."""

from pathlib import Path

import pytest

from pacs.command import main
from pacs.dimse import reasons
from storage.errors import InvalidQuery
from storage.index import peers
from storage.index.database import Database
from storage.model.people import Peer

FINGERPRINT = "ab" * 32


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("HOICHAN_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["peers", "list"]) == 0
    return Database(f"sqlite:///{tmp_path / 'index.sqlite'}")


def peer(index: Database) -> Peer:
    with index.reading() as db:
        return peers.get(db, "CT1")


def test_a_certificate_and_limits_stay_until_they_are_changed(
    index: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["peers", "add", "CT1", "--host", "10.0.0.9", "--allow", "store"]
    assert main([*add, "--certificate", FINGERPRINT, "--tls", "--min-rate", "50"]) == 0
    assert main(add) == 0
    assert (peer(index).certificate, peer(index).tls, peer(index).min_rate) == (FINGERPRINT, True, 50)
    assert main([*add, "--certificate", "", "--no-tls", "--min-rate", "0", "--max-object-mb", "9"]) == 0
    assert (peer(index).certificate, peer(index).tls, peer(index).min_rate, peer(index).max_object_mb) == (
        "", False, None, 9,
    )  # fmt: skip
    assert main([*add, "--certificate", "nonsense"]) == 1
    assert main([*add, "--max-associations", "99999"]) == 1
    capsys.readouterr()
    main(["peers", "list"])
    assert "max_object_mb 9" in capsys.readouterr().out


def test_who_was_refused_is_listed(index: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with index.writing() as db:
        peers.refused(db, "", "", "10.0.0.7", reasons.SPEAKS_HTTP, count=5)
        peers.refused(db, "MR9", "HOICHAN", "10.0.0.8", reasons.UNKNOWN_CALLING, certificate=FINGERPRINT)
    capsys.readouterr()
    assert main(["peers", "refused"]) == 0
    said = capsys.readouterr().out
    assert "5 × -" in said
    assert "MR9" in said
    assert FINGERPRINT in said


def test_a_certificate_is_a_fingerprint_or_a_file(tmp_path: Path) -> None:
    from pacs.dimse.admission import check_certificate

    assert check_certificate(":".join(["AB"] * 32)) == FINGERPRINT
    with pytest.raises(InvalidQuery, match="cannot be read"):
        check_certificate("-----BEGIN CERTIFICATE-----")
