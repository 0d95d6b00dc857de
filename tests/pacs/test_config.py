"""config.yaml and the environment."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pacs.config import load
from pacs.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_says_the_defaults() -> None:
    shipped = load(Path(__file__).parents[2] / "config.yaml", {})
    plain = load(Path("/dev/null"), {})
    assert shipped.peers[0].ae_title == "STORESCU"
    assert replace(shipped, peers=()) == plain


def test_says_everything_that_is_wrong(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "dicom: {prot: 1, port: 99999999}\nweb: hello\nobjcts: {}\nlog: {level: inof}\n"
        "peers: [{host: 1.2.3.4}, {ae_title: A, allow: [stroe]}]\n",
    )
    with pytest.raises(ConfigError) as caught:
        load(path, {"HOICHAN_DICOM__AETITLE": "X"})
    lines = str(caught.value).splitlines()
    said = "\n".join(lines)
    assert "objcts: unknown setting, did you mean 'objects'?" in said
    assert "dicom.prot: unknown setting, did you mean 'port'?" in said
    assert "dicom.port: must be between 1 and 65535, not 99999999" in said
    assert "web: must be a section" in said
    assert "log.level: must be one of" in said
    assert "peers[0].ae_title: missing" in said
    assert "did you mean 'store'?" in said
    assert "aetitle: unknown setting, did you mean 'ae_title'?" in said
    assert len(lines) == 8


def test_the_environment_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "dicom: {port: 104}\ndata: /a\n")
    config = load(
        path,
        {
            "HOICHAN_DICOM__PORT": "11113",
            "HOICHAN_DATA": "/b",
            "HOICHAN_DICOM__AE_TITLE": "123",
            "HOICHAN_WEB__ALLOW_INSECURE": "true",
            "HOICHAN_INDEX__URL": "postgresql+psycopg://u:p@h/d",
            "HOICHAN_OBJECTS__URL": "s3://h:1/bucket",
            "OTHER": "x",
        },
    )
    assert (config.dicom.port, config.data, config.dicom.ae_title) == (11113, Path("/b"), "123")
    assert config.web.allow_insecure is True
    assert config.index_url.startswith("postgresql")
    assert config.objects_url == "s3://h:1/bucket"


@pytest.mark.parametrize(
    ("processes", "processors", "listeners"),
    [(0, {0}, 1), (0, {0, 3}, 2), (0, set(range(16)), 2), (1, {0, 3}, 1), (5, {0}, 5)],
)
def test_there_are_two_listeners_where_there_are_two_processors(
    processes: int, processors: set[int], listeners: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: processors)
    assert load(Path("/dev/null"), {"HOICHAN_DICOM__PROCESSES": str(processes)}).dicom.listeners == listeners


def test_an_unknown_variable_is_named_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="HOICHAN_DTA: unknown setting, did you mean 'HOICHAN_DATA'"):
        load(Path("/dev/null"), {"HOICHAN_DTA": "/x"})


def test_an_open_web_door_without_tls_is_refused() -> None:
    with pytest.raises(ConfigError, match="open to the network without TLS"):
        load(Path("/dev/null"), {"HOICHAN_WEB__HOST": "0.0.0.0"})
    assert load(Path("/dev/null"), {"HOICHAN_WEB__HOST": "0.0.0.0", "HOICHAN_WEB__PUBLIC_URL": "https://pacs.example"})
    assert load(Path("/dev/null"), {"HOICHAN_WEB__HOST": "0.0.0.0", "HOICHAN_WEB__ALLOW_INSECURE": "true"})


def test_broken_yaml_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="config.yaml"):
        load(write(tmp_path, "dicom: [1, 2\n"), {})


def test_the_two_doors_cannot_share_a_port() -> None:
    with pytest.raises(ConfigError, match="is the DICOM port as well"):
        load(Path("/dev/null"), {"HOICHAN_WEB__PORT": "11112"})


def test_dicom_tls_needs_its_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(environ={"HOICHAN_DICOM__TLS_PORT": "2762", "HOICHAN_DICOM__TLS_KEY": str(tmp_path / "no.key")})
    said = str(raised.value)
    assert "tls_port: needs dicom.tls_certificate" in said
    assert "tls_trusted: missing" in said
    assert "no.key does not exist" in said
    file = tmp_path / "any.pem"
    file.write_text("")
    good = {f"HOICHAN_DICOM__TLS_{name}": str(file) for name in ("CERTIFICATE", "KEY", "TRUSTED")}
    assert load(environ={**good, "HOICHAN_DICOM__TLS_PORT": "2762"}).dicom.tls_client == "required"
    with pytest.raises(ConfigError, match="another port of ours"):
        load(environ={**good, "HOICHAN_DICOM__TLS_PORT": "8080"})
