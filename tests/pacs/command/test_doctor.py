"""What `hoichan doctor` says of disks and of the way to S3: what is degraded, and what mends it."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from pacs.assembly import open_objects
from pacs.command import doctor
from pacs.config import Config, ObjectsConfig
from storage.errors import StorageUnavailable
from storage.objects.trust import MARK


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "spool").mkdir()
    (tmp_path / "objects").mkdir()
    return Config(data=tmp_path)


def s3_that_is_away(config: Config, *, strict: bool = False) -> Config:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"s3://127.0.0.1:{probe.getsockname()[1]}/hoichan?secure=false"
    return replace(config, objects=ObjectsConfig(url=url, access_key="a", secret_key="b", strict=strict))


def test_a_disk_below_the_mark_is_wrong_and_says_what_mends_it(config: Config) -> None:
    full = replace(config, objects=ObjectsConfig(keep_free_mb=100_000_000))
    finding = doctor._disk(full)
    assert finding.state == doctor.BAD
    assert "no objects are taken" in finding.detail
    assert "make room" in finding.detail
    assert doctor._disk(replace(config, objects=ObjectsConfig(keep_free_mb=1))).state != doctor.BAD


def test_a_disk_that_failed_to_synchronise_says_how_to_go_on(config: Config) -> None:
    (config.data / "objects" / MARK).write_text("the disk of objects could not make something durable: EIO")
    finding = doctor._objects(config)
    assert finding.state == doctor.BAD
    assert "hoichan storage recheck" in finding.detail
    with pytest.raises(StorageUnavailable):
        open_objects(config).put_bytes("main/o/x", b"x")
    assert doctor.run_recheck(config) == 0
    assert doctor._objects(config).state == doctor.GOOD
    open_objects(config).put_bytes("main/o/x", b"x")


def test_s3_that_is_away_is_only_wrong_where_success_waits_for_it(config: Config) -> None:
    away = s3_that_is_away(config)
    open_objects(away).put_bytes("main/o/x", b"x")
    finding = doctor._uploads(away)
    assert finding.state == doctor.WARN
    assert "1 objects (0.00 GB) wait for it, since" in finding.detail
    assert "goes there by itself" in finding.detail
    assert doctor._objects(away).state == doctor.GOOD
    assert doctor._uploads(s3_that_is_away(config, strict=True)).state == doctor.BAD
