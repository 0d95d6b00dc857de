"""What was made lately, by what it was made of."""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")


class Recent(Generic[Key, Made]):
    """Remembers at least the last `least` things that were put or asked for, and at most twice as many. Threads may
    share it: at worst something is forgotten early and made again."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._young: dict[Key, Made] = {}
        self._old: dict[Key, Made] = {}

    def get(self, key: Key) -> Made | None:
        """What was put under this key, unless it is forgotten."""
        made = self._young.get(key)
        if made is None:
            made = self._old.get(key)
            if made is not None:
                self.put(key, made)
        return made

    def put(self, key: Key, made: Made) -> None:
        """Remember it, and in time forget what was not asked for since."""
        self._young[key] = made
        if len(self._young) >= self._least:
            self._old, self._young = self._young, {}
