"""Messages between servers as payloads of a notice: JSON, packed when it is long, and in parts when it is still too
long for one."""

import base64
import secrets
import zlib
from typing import Any

import orjson

from storage.index.notices import LONGEST

_PART = LONGEST - 40
MOST_PARTS = 64
MOST_OPEN = 200  # messages of which only parts have come


def packed(message: list[Any]) -> list[str]:
    """The payloads of a message, in order."""
    data = orjson.dumps(message)
    if len(data) <= LONGEST - 1:
        return ["j" + data.decode()]
    text = base64.b85encode(zlib.compress(data, 1)).decode()
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    name = secrets.token_hex(6)
    return [f"p{name}.{number}.{len(parts)}.{part}" for number, part in enumerate(parts)]


class Opening:
    """Puts parts together again."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, str]] = {}

    def add(self, payload: str) -> list[Any] | None:
        """The message, once all of it is here; None until then, and for what is no message."""
        try:
            if payload.startswith("j"):
                return _message(payload[1:].encode())
            name, number, count, part = payload[1:].split(".", 3) if payload.startswith("p") else ("", "0", "0", "")
            if not name or not 0 <= int(number) < int(count) <= MOST_PARTS:
                return None
            parts = self._open.setdefault(name, {})
            parts[int(number)] = part
            if len(parts) < int(count):
                while len(self._open) > MOST_OPEN:
                    del self._open[next(iter(self._open))]
                return None
            del self._open[name]
            whole = "".join(parts[at] for at in range(int(count)))
            return _message(zlib.decompress(base64.b85decode(whole)))
        except (ValueError, KeyError, zlib.error):
            return None


def _message(data: bytes) -> list[Any] | None:
    message = orjson.loads(data)
    return message if isinstance(message, list) and message else None
