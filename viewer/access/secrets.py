"""Random secrets and what is kept of them."""

import hashlib
import hmac
import secrets


def new_secret(prefix: str = "") -> str:
    """256 random bits as text that fits in a URL."""
    return prefix + secrets.token_urlsafe(32)


def kept(secret: str) -> str:
    """What the database keeps of a secret: its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def keyed(key: str | bytes, *parts: str) -> str:
    """HMAC-SHA-256 of the parts, which cannot be shifted into one another."""
    raw = key.encode() if isinstance(key, str) else key
    message = b"".join(
        len(part.encode("utf-8", "surrogatepass")).to_bytes(4, "big") + part.encode("utf-8", "surrogatepass")
        for part in parts
    )
    return hmac.new(raw, message, hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
