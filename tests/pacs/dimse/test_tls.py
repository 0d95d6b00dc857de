"""DICOM over TLS with DCMTK's clients: who is let in, who is not and why, and that nobody keeps others waiting."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pacs.association import pdu, tls
from pacs.association.stream import PduStream
from pacs.association.tls import TlsCredentials, TlsFiles
from pacs.dimse import directory, reasons
from pacs.errors import ConfigError, PeerUnreachable
from pacs.send.dicom import echo
from storage.index import peers
from tests.pacs.dimse.conftest import HOST, Door, new_door
from tests.pacs.dimse.objects import ct, dataset_bytes, write
from tests.pacs.dimse.requests import IMPLICIT, association_request
from tests.pacs.dimse.test_association import VERIFICATION, refusals, still_open
from tests.support.certificates import Authority, Certificate, authority
from tests.support.dcmtk import dcmtk
from tests.support.server import free_port
from tests.support.waiting import PATIENCE, until


@dataclass(frozen=True, slots=True)
class Papers:
    """Two authorities and whom they vouch for."""

    ours: Authority
    other: Authority
    server: Certificate
    modality: Certificate
    second: Certificate
    expired: Certificate
    foreign: Certificate


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    ours, other = authority(folder, "ours"), authority(folder, "other")
    return Papers(
        ours, other, ours.issue("server"), ours.issue("modality"), ours.issue("second"), ours.issue("expired", days=-1),
        other.issue("foreign"),
    )  # fmt: skip


@pytest.fixture
def secure(tmp_path: Path, papers: Papers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door with TLS; its files are its own, so that a test may change them, and so are its peers: they are read for
    every caller, not once a second."""
    monkeypatch.setattr(directory, "FRESH_SECONDS", 0.0)
    door = with_tls(tmp_path, papers, 300)
    yield door
    door.close()


def with_tls(tmp_path: Path, papers: Papers, request_seconds: int) -> Door:
    """An open door with TLS and three peers."""
    folder = tmp_path / "tls"
    folder.mkdir()
    for source, name in ((papers.server.certificate, "c"), (papers.server.key, "k"), (papers.ours.certificate, "t")):
        shutil.copy(source, folder / name)
    door = new_door(
        tmp_path, tls_host="0.0.0.0", tls_port=free_port(), tls_certificate=str(folder / "c"),
        tls_key=str(folder / "k"), tls_trusted=str(folder / "t"), request_seconds=request_seconds,
    )  # fmt: skip
    door.open()
    for ae_title in ("ECHOSCU", "STORESCU", "TEST"):
        door.peer(ae_title, "store", "query", "retrieve")
    return door


def shows(certificate: Certificate, trusts: Authority) -> tuple[str | Path, ...]:
    return "+tls", certificate.key, certificate.certificate, "+cf", trusts.certificate


def answers(door: Door, *papers: str | Path) -> bool:
    """Whether echoscu is answered on the TLS port."""
    try:
        dcmtk("echoscu", *papers, "-aec", "HOICHAN", HOST, door.config.tls_port)
    except AssertionError:
        return False
    return True


def with_changes(door: Door, ae_title: str, **changes: object) -> None:
    with door.archive.database.writing() as db:
        peers.update(db, replace(peers.get(db, ae_title), **changes))  # type: ignore[arg-type]


def test_storescu_sends_over_tls(secure: Door, papers: Papers, tmp_path: Path) -> None:
    path = write(tmp_path / "in", ct(rows=512, columns=512))
    dcmtk(
        "storescu", *shows(papers.modality, papers.ours), "-aec", "HOICHAN", HOST, secure.config.tls_port, path
    )  # fmt: skip
    assert dataset_bytes(secure.content(path.stem)) == dataset_bytes(path)


def test_who_shows_the_wrong_papers_is_not_let_in_and_seen(secure: Door, papers: Papers) -> None:
    assert answers(secure, *shows(papers.modality, papers.ours))
    assert not answers(secure, "+tla", "+cf", papers.ours.certificate), "no certificate"
    assert not answers(secure, *shows(papers.foreign, papers.ours)), "another authority"
    assert not answers(secure, *shows(papers.expired, papers.ours)), "expired"
    assert not answers(secure, *shows(papers.modality, papers.other)), "they do not trust us"
    assert not answers(secure), "without TLS"
    with secure_socket(secure) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(OSError):
            peer.recv(100)
    expected = {
        reasons.TLS_NO_CERTIFICATE, reasons.TLS_UNTRUSTED, reasons.TLS_EXPIRED, reasons.TLS_NOT_TRUSTED,
        reasons.TLS_PLAIN, reasons.SPEAKS_HTTP,
    }  # fmt: skip
    until(lambda: {one.reason for one in refusals(secure)} == expected)


def secure_socket(door: Door) -> socket.socket:
    return socket.create_connection((HOST, door.config.tls_port), timeout=PATIENCE)


def test_silent_clients_in_the_handshake_keep_nobody_waiting(secure: Door, papers: Papers) -> None:
    assert answers(secure, *shows(papers.modality, papers.ours)), "from now on its address is that of a peer"
    crowd = [secure_socket(secure) for _ in range(60)]
    for number, connection in enumerate(crowd):
        if number % 2:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    assert answers(secure, *shows(papers.modality, papers.ours))
    assert all(map(still_open, crowd)), "it was let in beside them, not when they had gone"
    for connection in crowd:
        connection.close()


def test_silent_clients_in_the_handshake_go_at_the_deadline_of_the_request(tmp_path: Path, papers: Papers) -> None:
    door = with_tls(tmp_path, papers, 1)
    for begun in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
        with secure_socket(door) as silent:
            silent.sendall(begun)
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(1) == b""
    door.close()


@pytest.mark.parametrize("title", [True, False])
@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("certificate", [True, False])
def test_a_peer_is_title_network_and_certificate_together(
    secure: Door, papers: Papers, title: bool, network: bool, certificate: bool
) -> None:
    with_changes(secure, "ECHOSCU", certificate=papers.modality.fingerprint, host=HOST if network else "192.0.2.0/24")
    mine = shows(papers.modality if certificate else papers.second, papers.ours)
    accepted = answers(secure, *mine, "-aet", "ECHOSCU" if title else "SOMEBODY")
    assert accepted == (title and network and certificate)
    if not accepted:
        until(lambda: bool(refusals(secure)))
        shown = papers.modality if certificate else papers.second
        assert [one.certificate for one in refusals(secure)] == [shown.fingerprint]


def test_another_called_title_gets_reason_7(secure: Door, papers: Papers) -> None:
    said = dcmtk(
        "echoscu", *shows(papers.modality, papers.ours), "-aec", "OTHER", HOST, secure.config.tls_port, check=False
    )
    assert "Called AE Title Not Recognized" in said


def test_a_peer_with_a_certificate_must_not_call_without_unless_allowed(secure: Door, papers: Papers) -> None:
    with_changes(secure, "ECHOSCU", certificate=papers.modality.fingerprint)
    said = dcmtk("echoscu", "-aec", "HOICHAN", HOST, secure.port, check=False)
    assert "Calling AE Title Not Recognized" in said
    until(lambda: [one.reason for one in refusals(secure)] == [reasons.MUST_USE_TLS])
    with_changes(secure, "ECHOSCU", plain=True)
    until(lambda: "Rejected" not in dcmtk("echoscu", "-aec", "HOICHAN", HOST, secure.port, check=False))


def test_certificates_change_without_a_restart(secure: Door, papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "FRESH_SECONDS", 0.05)
    assert not answers(secure, *shows(papers.foreign, papers.other))
    key = Path(secure.config.tls_key)
    key.write_text("half written")
    assert answers(secure, *shows(papers.modality, papers.ours)), "what cannot be read changes nothing"
    new = papers.other.issue("server")
    trusted = secure.config.tls_trusted
    for source, target in (
        (new.certificate, secure.config.tls_certificate),
        (new.key, key),
        (papers.other.certificate, trusted),
    ):
        shutil.copy(source, f"{target}.new")
        os.replace(f"{target}.new", target)
    until(lambda: answers(secure, *shows(papers.foreign, papers.other)))
    assert not answers(secure, *shows(papers.modality, papers.ours))


@pytest.mark.parametrize(
    ("lowest", "highest", "suites", "agreed"),
    [
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, None, True),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", True),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384", True),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", False),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", False),
        (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", False),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions_and_suites_are_those_of_bcp_195(
    secure: Door,
    papers: Papers,
    lowest: ssl.TLSVersion,
    highest: ssl.TLSVersion,
    suites: str | None,
    agreed: bool,
) -> None:
    context = ssl.create_default_context(cafile=str(papers.ours.certificate))
    context.load_cert_chain(papers.modality.certificate, papers.modality.key)
    if suites:
        context.set_ciphers(suites)
    context.minimum_version, context.maximum_version = lowest, highest
    done = False
    with contextlib.suppress(OSError), context.wrap_socket(secure_socket(secure), server_hostname=HOST) as connection:
        stream = PduStream(connection, max_pdu=16384, idle_seconds=PATIENCE, message_seconds=PATIENCE)
        stream.send(association_request([(VERIFICATION, [IMPLICIT])]))
        done = stream.read_pdu(PATIENCE, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)[0] == pdu.ASSOCIATE_AC
        assert not connection.session_reused
    assert done is agreed


def credentials(papers: Papers, trusted: Path | None = None) -> TlsCredentials:
    files = TlsFiles(str(papers.second.certificate), str(papers.second.key), str(trusted or papers.ours.certificate))
    return TlsCredentials(files)


def test_we_call_a_peer_over_tls(secure: Door, papers: Papers) -> None:
    us = replace(secure.peer("US", host=HOST), ae_title="HOICHAN", port=secure.config.tls_port, tls=True)
    assert echo(us, "US", credentials=credentials(papers)) > 0
    assert echo(replace(us, certificate=papers.server.fingerprint), "US", credentials=credentials(papers)) > 0
    assert echo(
        replace(us, certificate=papers.server.fingerprint), "US",
        credentials=credentials(papers, papers.other.certificate),
    ) > 0, "a registered certificate needs no authority"  # fmt: skip
    for peer, given, words in (
        (replace(us, certificate=papers.modality.fingerprint), credentials(papers), "another certificate"),
        (us, credentials(papers, papers.other.certificate), "TLS"),
        (replace(us, host="127.0.0.2"), credentials(papers), "TLS"),
        (us, None, "not configured"),
        (replace(us, port=secure.port), credentials(papers), "TLS"),
    ):
        with pytest.raises(PeerUnreachable, match=words):
            echo(peer, "US", timeout=PATIENCE, credentials=given)


def test_c_move_sends_over_tls(secure: Door, papers: Papers, tmp_path: Path) -> None:
    """To DCMTK's storescp, which wants our certificate."""
    path = write(tmp_path / "in", ct(rows=300, columns=300))
    dcmtk("storescu", "-aec", "HOICHAN", HOST, secure.port, path)
    secure.peer("MOVESCU", "query", "retrieve")
    port = free_port()
    secure.peer("DEST", "store", port=port)
    with_changes(secure, "DEST", tls=True)
    got = tmp_path / "got"
    got.mkdir()
    program = shutil.which("storescp")
    assert program
    scp = subprocess.Popen(
        [program, *map(str, shows(papers.modality, papers.ours)), "-aet", "DEST", "-od", str(got), str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: socket.socket().connect_ex((HOST, port)) == 0)
        study = secure.instance(path.stem).key.study_instance_uid
        dcmtk(
            "movescu", "-S", "-aec", "HOICHAN", "-aem", "DEST", HOST, secure.port,
            "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
        )  # fmt: skip
        assert [dataset_bytes(one) for one in got.iterdir()] == [dataset_bytes(path)]
    finally:
        scp.kill()
        scp.wait()


def test_files_that_are_no_certificates_stop_the_start(tmp_path: Path, papers: Papers) -> None:
    door = new_door(tmp_path, tls_certificate=str(papers.server.certificate), tls_key=str(papers.modality.key))
    with pytest.raises(ConfigError, match="cannot be used"):
        tls.credentials_of(door.config)
    assert tls.credentials_of(replace(door.config, tls_certificate="")) is None
    assert tls.certificate_fingerprint(papers.server.certificate.read_text()) == papers.server.fingerprint
