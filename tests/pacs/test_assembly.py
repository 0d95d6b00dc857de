"""From the configuration to stores: where the keys of an S3 store may come from."""

from pathlib import Path

import pytest

from pacs.assembly import open_objects
from pacs.config import load
from storage.errors import StorageUnavailable
from tests.support.s3 import S3Server


def settings(url: str, **more: str) -> dict[str, str]:
    return {"HOICHAN_OBJECTS__URL": url, **{f"HOICHAN_OBJECTS__{key.upper()}": value for key, value in more.items()}}


@pytest.mark.parametrize("where", ["settings", "file", "url", "environment"])
def test_keys_come_from_where_they_are(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    url = s3_server.url(f"keys-{where}")
    more: dict[str, str] = {}
    if where == "settings":
        more = {"access_key": s3_server.access_key, "secret_key": s3_server.secret_key}
    elif where == "file":
        (tmp_path / "secret").write_text(s3_server.secret_key + "\n")
        more = {"access_key": s3_server.access_key, "secret_key_file": str(tmp_path / "secret")}
    elif where == "url":
        url = url.replace("s3://", f"s3://{s3_server.access_key}:{s3_server.secret_key}@")
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    said = open_objects(load(Path("/dev/null"), settings(url, **more))).check()
    assert s3_server.secret_key not in said


def test_missing_keys_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(StorageUnavailable, match="needs an access key"):
        open_objects(load(Path("/dev/null"), settings("s3://127.0.0.1:9/bucket")))
