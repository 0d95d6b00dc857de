"""The installation's secret key: 32 random bytes in a file beside the database, never in it.

Keys for a purpose are derived from it (HMAC-SHA-256 of the purpose), so that none says anything of another. Who has a
copy of the database without this file can neither make one-time passwords nor guess what was searched for.
"""

import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path

from pacs.errors import ConfigError

NAME = "secret.key"
LENGTH = 32
AUDIT, ANCHORS, FACTORS = "audit", "anchors of the audit log", "second factors"  # purposes
_OTHERS = 0o077


def load(folder: Path) -> bytes:
    """The key of this data folder, made (mode 0600) when there is none. Raises ConfigError when the file cannot be
    read or made, when it is not a key, or when others may read it."""
    path = folder / NAME
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & _OTHERS:
            raise ConfigError(f"{path} can be read by others: chmod 600 {path}")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a key: restore it from the backup") from error
    if len(key) != LENGTH:
        raise ConfigError(f"{path} is not a key: restore it from the backup")
    return key


def derived(key: bytes, purpose: str) -> bytes:
    """The key for one purpose."""
    return hmac.digest(key, purpose.encode(), hashlib.sha256)


def of_account(user_id: int) -> str:
    """What the secret of an account's second factor is bound to."""
    return f"second factor of account {user_id}"


def _make(path: Path) -> None:
    """Whole and durable under its name, or not there: two processes that start together agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f"{NAME}.{os.urandom(8).hex()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, os.urandom(LENGTH).hex().encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    with suppress(FileExistsError):
        os.link(beside, path)
    beside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
