"""What stands in the minutes: checked and kept in one form, and prefilled from what happened in the consultation."""

from collections.abc import Mapping, Sequence
from typing import Any

from pacs.consult.bodies import MOST_TEXT, text
from pacs.consult.findings import sentence
from pacs.consult.vocabulary import LANGUAGES, words
from pacs.errors import InvalidConsult
from pacs.minutes.glyphs import missing
from storage.model.consult import Consult, ConsultEvent, Kind

MOST_PEOPLE = 40
LINE, SHORT = 200, 400
# What people write, in the order of the document.
SECTIONS = ("history", "question", "findings", "conclusion", "recommendation")
SINGLE = ("place", "chair", "secretary", "patient_name", "patient_sex", "patient_age", "patient_id", "study")
PERSON = ("name", "title", "hospital")
INSTANTS = ("held_from", "held_to")


def kept(given: object) -> dict[str, Any]:
    """The body as it is kept. Raises InvalidConsult, also for letters the printed page has no picture of."""
    if not isinstance(given, dict):
        raise InvalidConsult("body must be an object")
    people = given.get("participants", [])
    if not isinstance(people, list) or len(people) > MOST_PEOPLE:
        raise InvalidConsult(f"participants must be a list of at most {MOST_PEOPLE}")
    body: dict[str, Any] = {name: " ".join(text(given, name, SHORT).split()) for name in SINGLE}
    body |= {name: text(given, name) for name in SECTIONS}
    body |= {name: _instant(given, name) for name in INSTANTS}
    body["participants"] = [_person(one) for one in people]
    body["bilingual"] = given.get("bilingual") is True
    other = given.get("english", {})
    if not isinstance(other, dict):
        raise InvalidConsult("english must be an object")
    body["english"] = {name: text(other, name) for name in SECTIONS} if body["bilingual"] else {}
    check_letters(*_texts(body))
    return body


def check_letters(*texts: str) -> None:
    """Raise InvalidConsult, with the code points, when the page could not show a letter: nothing is ever left out."""
    gone = missing(*texts)
    if gone:
        raise InvalidConsult(f"these letters cannot be printed: {' '.join(f'U+{ord(one):04X}' for one in gone)}")


def prefilled(
    consult: Consult,
    events: Sequence[ConsultEvent],
    people: Sequence[Mapping[str, str]],
    patient: Mapping[str, str],
    held: tuple[int, int],
    met: Mapping[str, str],
    *,
    english: bool,
) -> dict[str, Any]:
    """A first draft: who took part, what was asked, the newest of what was found and concluded. `met` is what was drawn
    and said in live rooms, in each language."""
    written = {language: _written(consult, events, language) for language in LANGUAGES}
    for language, one in written.items():
        one["findings"] = _lines(one["findings"], met.get(language, ""))[:MOST_TEXT]
    return {
        **dict.fromkeys(SINGLE, ""),
        "place": "Trực tuyến, qua hệ thống Hội Chẩn",
        **patient,
        **written["vi"],
        "chair": people[-1]["name"] if people else "",
        "secretary": people[0]["name"] if people else "",
        "participants": [dict(one) for one in people],
        "held_from": held[0],
        "held_to": held[1],
        "bilingual": english,
        "english": written["en"] if english else {},
    }


def _written(consult: Consult, events: Sequence[ConsultEvent], language: str) -> dict[str, str]:
    concluded = _newest(events, Kind.CONCLUDED)
    opinions = [one for one in events if one.kind is Kind.OPINION]
    source = concluded if concluded and concluded.body.get("findings") else (opinions[-1] if opinions else None)
    chips = [words("chips", chip, language) for chip in consult.chips]
    found = [sentence(one, language) for one in source.body.get("findings", [])] if source else []
    said = [_said(events, one, "text", language) for one in opinions[-1:]]
    return {
        "history": "",
        "question": _lines(*chips, _said(events, events[0], "text", language) if events else consult.question),
        "findings": _lines(*(f"{one}." for one in found), *said),
        "conclusion": _said(events, concluded, "conclusion", language) if concluded else "",
        "recommendation": _said(events, concluded, "recommendation", language) if concluded else "",
    }


def _said(events: Sequence[ConsultEvent], event: ConsultEvent, name: str, language: str) -> str:
    """What was written, in this language where somebody has translated it."""
    own = str(event.body.get(name, ""))
    if event.body.get("language") == language or name == "recommendation":
        return own
    for one in reversed(events):
        if one.kind is Kind.TRANSLATION and one.body.get("of") == event.sequence and one.body["language"] == language:
            return str(one.body.get("text", ""))
    return own


def _newest(events: Sequence[ConsultEvent], kind: Kind) -> ConsultEvent | None:
    return next((one for one in reversed(events) if one.kind is kind), None)


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _person(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise InvalidConsult("a participant must be an object")
    person = {name: " ".join(text(given, name, LINE).split()) for name in PERSON}
    if not person["name"]:
        raise InvalidConsult("a participant needs a name")
    return person


def _instant(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 52):
        raise InvalidConsult(f"{name} must be UTC milliseconds")
    return value


def _texts(body: Mapping[str, Any]) -> list[str]:
    people = [value for one in body["participants"] for value in one.values()]
    return [*(body[name] for name in (*SINGLE, *SECTIONS)), *people, *body["english"].values()]
