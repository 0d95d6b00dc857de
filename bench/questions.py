"""What the query bench asks: fifty questions of each kind about the studies of `bench.filling`, for which every server
has the same answers, and by name about as many at every size of the archive."""

import random
from collections import Counter

from bench.filling import visits
from storage.model.text import fold

EACH = 50
Question = tuple[str, str]  # keyword and value
ANSWERS = 20  # of a question by name


def questions(studies: int) -> dict[str, list[Question]]:
    """By Patient ID, by day and by the beginning of a name, drawn from so many studies."""
    drawn = random.Random(7)
    chosen = frozenset(drawn.sample(range(studies), min(studies, EACH)))
    names: Counter[str] = Counter()
    ids, days = [], []
    for visit in visits(studies):
        names[visit.person.name] += 1
        if visit.number in chosen:
            ids.append(("PatientID", visit.person.patient_id))
            days.append(("StudyDate", str(visit.study_date)))
    return {"by ID": ids, "by day": days, "by name": [("PatientName", f"{one}*") for one in _beginnings(names, drawn)]}


def _beginnings(names: "Counter[str]", drawn: random.Random) -> list[str]:
    """Beginnings of names that about ANSWERS studies have.

    Some servers take letters without marks, or a space for a caret, for the same; of these beginnings there is no
    other spelling but in capitals, so that all find the same studies. They are of ASCII alone and without
    spaces: what must be percent-encoded Orthanc does not find.
    """
    strict: Counter[str] = Counter()
    loose: Counter[str] = Counter()
    for name, count in names.items():
        for text, counted in ((name.upper(), strict), (fold(name), loose)):
            for end in range(1, len(text) + 1):
                counted[text[:end]] += count
    fitting = {
        name[:end]
        for name in names
        for end in range(2, len(name) + 1)
        if name[end - 1] not in "^ "
        and name[:end].isascii()
        and " " not in name[:end]
        and 2 * ANSWERS // 3 <= strict[name[:end].upper()] <= 4 * ANSWERS // 3
        and strict[name[:end].upper()] == loose[fold(name[:end])]
    }
    return drawn.sample(sorted(fitting), min(len(fitting), EACH))
