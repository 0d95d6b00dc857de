"""The secret key of the installation: made once, kept from others, never replaced by itself."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pacs import keyfile
from pacs.errors import ConfigError


def test_it_is_made_once_for_us_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: keyfile.load(tmp_path / "data"), range(8)))
    (key,) = found
    assert len(key) == keyfile.LENGTH
    assert [path.name for path in (tmp_path / "data").iterdir()] == [keyfile.NAME]
    assert (tmp_path / "data" / keyfile.NAME).stat().st_mode & 0o777 == 0o600
    assert keyfile.derived(key, "audit") != keyfile.derived(key, "totp")


@pytest.mark.parametrize("content", ["", "beef", "zz" * 32, "é" * 64])
def test_what_is_no_key_is_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / keyfile.NAME
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="restore it from the backup"):
        keyfile.load(tmp_path)
    assert path.read_text() == content


def test_others_may_not_read_it(tmp_path: Path) -> None:
    keyfile.load(tmp_path)
    (tmp_path / keyfile.NAME).chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        keyfile.load(tmp_path)
