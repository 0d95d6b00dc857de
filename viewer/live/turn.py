"""Credentials for a TURN relay that live for a short time (coturn's use-auth-secret): the name is when they end, the
password an HMAC over it. The relay needs no list of users, and what a browser learns is soon worth nothing."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

from pacs.config import LiveConfig
from storage.errors import StorageUnavailable
from storage.index.types import now_ms

LASTS_SECONDS = 6 * 3600


def ice_servers(live: LiveConfig, member: str, now: int | None = None) -> list[dict[str, Any]]:
    """What RTCPeerConnection wants as iceServers; empty when nothing is configured."""
    servers: list[dict[str, Any]] = [{"urls": list(live.stun)}] if live.stun else []
    secret = _secret(live)
    if live.turn and secret:
        name, password = signed(secret, (now_ms() if now is None else now) // 1000 + LASTS_SECONDS, member)
        servers.append({"urls": list(live.turn), "username": name, "credential": password})
    return servers


def signed(secret: str, until: int, member: str) -> tuple[str, str]:
    """Name and password that are good until this second of the epoch."""
    name = f"{until}:{member}"
    digest = hmac.digest(secret.encode(), name.encode(), hashlib.sha1)  # what coturn expects
    return name, base64.b64encode(digest).decode()


def _secret(live: LiveConfig) -> str:
    if not live.turn_secret_file:
        return live.turn_secret
    try:
        return Path(live.turn_secret_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StorageUnavailable(f"live.turn_secret_file cannot be read ({error.strerror})") from error
