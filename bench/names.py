"""How Vietnamese names are found: a population with realistic names is indexed, some of it is looked for as people
type, and recall and precision are printed; then, how much of it is recognised in the encodings of old software.

    python -m bench.names --patients 100000 --ask 500
"""

import argparse
import random
import statistics
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from bench.filling import fill
from bench.population import people
from pacs.dataset.vietnamese import TCVN3, VNI_LETTERS, VNI_MARKS, recognised
from storage.index import hospitals
from storage.index.database import Database
from storage.index.effort import Effort
from storage.index.search import find
from storage.model.archive import Scope
from storage.model.query import Found, Level, Match, Matching, Query
from storage.model.text import ascii_of, fold

_TONES = "\u0300\u0301\u0303\u0309\u0323"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--ask", type=int, default=500, help="patients that are looked for, each in every way")
    parser.add_argument("--index", default="", help="a SQLAlchemy URL of an index that bench.filling made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        database = Database(arguments.index or f"sqlite:///{Path(folder) / 'index.sqlite'}")
        database.migrate()
        if not arguments.index:
            print(f"indexed in {fill(database, arguments.patients, revisits=False):.0f} s")
        for line in (*found(database, arguments.ask), *legacy(10_000)):
            print(line)
        database.close()


def typed(name: str) -> dict[str, str]:
    """The ways a patient is looked for, by what they are called."""
    plain = name.replace("^", " ")
    words = plain.split()
    return {
        "without marks": ascii_of(plain).lower(),
        "NFC": unicodedata.normalize("NFC", plain),
        "NFD": unicodedata.normalize("NFD", plain),
        "given name first": ascii_of(" ".join((words[-1], *words[:-1]))),
        "the first letters": " ".join(ascii_of(word)[: 3 if word is words[-1] else 2] for word in words),
    }


def found(database: Database, ask: int) -> Iterator[str]:
    """Recall: the share of patients found. Precision: the share of those found who have that very name, without marks
    and with them. First: how often the first found has the marks that were typed."""
    with database.reading() as db:
        scope = Scope(frozenset(hospital.id for hospital in hospitals.all(db)))
        everybody = list(find(db, Query(Level.PATIENT, scope)))
        known = {_of(one, "00100020"): _of(one, "00100010") for one in everybody}
        yield f"{len(known)} patients, {len({fold(name) for name in known.values()})} different names without marks"
        chosen = random.Random(5).sample(sorted(known), min(ask, len(known)))
        for way in typed("A^B"):
            hits, same, exact, first, times = [], [], [], [], []
            for patient_id in chosen:
                name = known[patient_id]
                began = time.perf_counter()
                match = Match("PatientName", Matching.FUZZY, (typed(name)[way],))
                answers = list(find(db, Query(Level.PATIENT, scope, (match,)), Effort(answers=None)))
                times.append(1000 * (time.perf_counter() - began))
                names = [_of(one, "00100010") for one in answers]
                hits.append(patient_id in {_of(one, "00100020") for one in answers})
                words = sorted(fold(name).split())
                same.append(sum(sorted(fold(one).split()) == words for one in names) / max(len(names), 1))
                exact.append(sum(_marks(one) == _marks(name) for one in names) / max(len(names), 1))
                first.append(bool(names) and _marks(names[0]) == _marks(name))
            yield (
                f"typed {way:18} recall {100 * statistics.mean(hits):6.2f} %   "
                f"precision {100 * statistics.mean(same):5.1f} % by the words, {100 * statistics.mean(exact):5.1f} % "
                f"with marks   first has the marks {100 * statistics.mean(first):5.1f} %   "
                f"median {statistics.median(times):.1f} ms"
            )


def legacy(count: int) -> Iterator[str]:
    """How many names with marks are read rightly, wrongly or as Latin-1 when their bytes are of an old encoding."""
    names = [person.name for person in people(count, seed=9) if not person.name.isascii()]
    for encoding, write in (("TCVN3", tcvn3), ("VNI", vni), ("Windows-1258", windows_1258)):
        read = [(name, recognised(write(name), name=True)) for name in names]
        right = sum(text is not None and text.casefold() == name.casefold() for name, text in read)
        wrong = sum(text is not None and text.casefold() != name.casefold() for name, text in read)
        yield (
            f"{encoding:13} recognised {100 * right / len(names):5.1f} %, wrongly {100 * wrong / len(names):.2f} %, "
            f"left as Latin-1 {100 * (len(names) - right - wrong) / len(names):.1f} %"
        )


def tcvn3(text: str) -> bytes:
    """As ABC fonts have it; capital vowels with marks are the small letters."""
    codes = {letter: byte for byte, letter in TCVN3.items()}
    return bytes(codes.get(character, codes.get(character.lower(), ord(character) & 0xFF)) for character in text)


def vni(text: str) -> bytes:
    """As VNI fonts have it: letters, and their marks behind them."""
    marks = {mark: shown for shown, mark in VNI_MARKS.items()}
    letters = {letter: shown for shown, letter in VNI_LETTERS.items()}
    found = ""
    for character in text:
        small = character.lower()
        shown = letters.get(small, small)
        if not small.isascii() and small not in letters:
            base, *parts = unicodedata.normalize("NFD", small)
            horn = "\u031b" in parts
            order = sorted((part for part in parts if part != "\u031b"), key=lambda part: part in _TONES)
            shown = letters.get(unicodedata.normalize("NFC", base + "\u031b"), base) if horn else base
            shown += marks["".join(order)] if order else ""
        found += shown if small == character else shown.upper()
    return found.encode("latin-1")


def windows_1258(text: str) -> bytes:
    """Letters with their shape, tones behind them."""
    found = b""
    for character in text:
        try:
            found += character.encode("cp1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", character)
            tone = next(part for part in parts if part in _TONES)
            found += unicodedata.normalize("NFC", parts.replace(tone, "")).encode("cp1258") + tone.encode("cp1258")
    return found


def _of(one: Found, tag: str) -> str:
    value = one.attributes[tag]["Value"][0]  # type: ignore[index]
    return str(value["Alphabetic"] if isinstance(value, dict) else value)


def _marks(name: str) -> list[str]:
    return sorted(unicodedata.normalize("NFC", name).casefold().replace("^", " ").split())


if __name__ == "__main__":
    main()
