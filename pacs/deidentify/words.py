"""Clean Descriptors (PS3.15 E.3.6): of what people wrote, the words that describe images stay; all others go.

Not the words that look like names go, but all that are not known: a name nobody thought of is not known either.
"""

import re
from functools import cache
from importlib import resources

from storage.model.text import fold

# Thicknesses, times, energies, kernels: at most two digits before the point unless a unit says what they are.
_MEASURE = re.compile(
    r"\d{1,2}(?:[.,]\d{1,2})?|\d{1,4}(?:[.,]\d{1,2})?(?:mm|cm|s|sec|ms|kv|kvp|ma|mas|hu|hz|min|mhz|kev|tesla|t)"
    r"|[bhiqstjud][a-z]?\d{2}[a-z]?|b\d{1,4}|[cl][1-7]|t\d{1,2}|[23]d|s[0-9]|[123]ph"
)
_SPLIT = re.compile(r"([^\w.,]+|_)")
_DIRECTIONS = re.compile(r"(?:[ap]|[rl]|[hf]){1,3}")  # Patient Orientation (0020,0020)
_TERM = re.compile(r"[A-Z0-9 _]{1,16}")
LONGEST_PHRASE = 5


@cache
def _known() -> tuple[frozenset[str], frozenset[tuple[str, ...]], frozenset[str]]:
    """Words, phrases, and terms of Code Strings (the words among them)."""
    words: set[str] = set()
    phrases: set[tuple[str, ...]] = set()
    terms: set[str] = set()
    for line in resources.files(__package__).joinpath("words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("+"):
            phrases.add(tuple(line[1:].split()))
        elif line.startswith("="):
            terms.update(line[1:].split())
        elif not line.startswith("#"):
            words.update(line.split())
    return frozenset(words), frozenset(phrases), frozenset(terms | words)


def cleaned(text: str) -> str:
    """The text without the words we do not know, in the order they had; "" when none is left. Compared folded, given
    as they were written."""
    words, phrases, _ = _known()
    given = [part for part in _SPLIT.split(text) if part and not _SPLIT.fullmatch(part)]
    folded = [fold(part).strip(".,") for part in given]
    kept: list[str] = []
    position, described = 0, False
    while position < len(given):
        length = _phrase_at(folded, position, phrases)
        one = folded[position]
        if length or one in words:
            kept += given[position : position + max(length, 1)]
            described = True
        elif one and _MEASURE.fullmatch(one):
            kept.append(given[position])
        position += max(length, 1)
    return " ".join(part.strip(".,") for part in kept) if described else ""


def _phrase_at(folded: list[str], position: int, phrases: frozenset[tuple[str, ...]]) -> int:
    for length in range(min(LONGEST_PHRASE, len(folded) - position), 1, -1):
        if tuple(folded[position : position + length]) in phrases:
            return length
    return 0


def is_term(value: str) -> bool:
    """Whether this value of a Code String is made of terms we know. "" is one."""
    if not value:
        return True
    if _TERM.fullmatch(value) is None:
        return False
    _, _, terms = _known()
    parts = [part for part in re.split(r"[ _]", value.casefold()) if part]
    return all(part in terms or _MEASURE.fullmatch(part) or _DIRECTIONS.fullmatch(part) for part in parts)
