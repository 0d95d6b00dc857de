"""From a URL to a store."""

from pathlib import Path

import pytest

from storage.objects.filesystem import FilesystemStore
from storage.objects.open import open_store
from storage.objects.s3 import S3Store


@pytest.mark.parametrize("form", ["file:{}", "file://{}"])
def test_opens_files(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(f"{tmp_path}/%C4%91%E1%BB%91i t%C6%B0%E1%BB%A3ng"))
    assert isinstance(store, FilesystemStore)
    store.put_bytes("bv/x", b"x")
    assert (tmp_path / "đối tượng" / "bv" / "x").exists()


def test_opens_s3_without_asking_the_server() -> None:
    assert isinstance(open_store("s3://127.0.0.1:1/bucket?secure=false", "key", "secret", "vn-1"), S3Store)


@pytest.mark.parametrize("url", ["", "/path", "file:", "file:/", "file://host/path", "s3://h/b", "ftp://h/b", "s3:b"])
def test_says_what_is_wrong_with_a_url(url: str) -> None:
    with pytest.raises(ValueError):
        open_store(url)
