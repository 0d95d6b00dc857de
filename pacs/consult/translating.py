"""Translation by a machine, where an installation has one: off unless configured, asked for by a person, and always
marked as a machine's. The text goes to the function of the configuration and nowhere else.
"""

import importlib
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from pacs.consult.acting import TRANSLATED, note
from pacs.consult.bodies import MOST_TEXT, text
from pacs.errors import ConfigError
from storage.errors import NotFound
from storage.index import consults, tasks
from storage.index.database import Connection, Database
from storage.model.audit import Actor
from storage.model.consult import Consult, ConsultEvent, Kind, NewEvent

log = logging.getLogger(__name__)

TASK = "translate"
MACHINE = "machine"
Translate = Callable[[str, str, str], str]
"""Given a text, its language and the wanted language, the text in that language."""


def translator(entry: str) -> Translate | None:
    """The function that the configuration names; None when it names none. Raises ConfigError."""
    if not entry:
        return None
    module, _, name = entry.partition(":")
    try:
        found: Translate = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"consult.translator: {entry} cannot be loaded ({type(error).__name__})") from error
    if not callable(found):
        raise ConfigError(f"consult.translator: {entry} is not a function")
    return found


def ask(db: Connection, consult: Consult, of: int, language: str) -> None:
    """Ask the machine to translate event number `of`; asking twice is asking once. Raises NotFound."""
    _source(db, consult.id, of, language)
    given = {"consult": consult.id, "of": of, "language": language}
    tasks.enqueue(db, TASK, given, key=f"{TASK} {consult.id} {of} {language}")


def translate(database: Database, by: Translate, given: Mapping[str, Any]) -> None:
    """Have it translated and write it down, as a machine's; the same again is written once."""
    consult_id, of, language = int(given["consult"]), int(given["of"]), str(given["language"])
    with database.reading() as db:
        words, source = _source(db, consult_id, of, language)
    said = text({"text": str(by(words, source, language))[:MOST_TEXT]}, "text")
    if not said:
        log.warning("the machine gave no translation")
        return
    body = {"of": of, "text": said, "language": language, "by": MACHINE}
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{consult_id} {of} {language}"))
    event = NewEvent(name, Kind.TRANSLATION, json.dumps(body, ensure_ascii=False, sort_keys=True), None, None, MACHINE)
    with database.writing() as db:
        consult = consults.by_id(db, consult_id)
        _, new = consults.append(db, consult, event, {})
        if new:
            note(db, consult, Kind.TRANSLATION, Actor(MACHINE, "", ""), of=of, language=language)


def _source(db: Connection, consult_id: int, of: int, language: str) -> tuple[str, str]:
    """The words of an event and their language; NotFound when there is nothing to translate into `language`."""
    for event in consults.events(db, consult_id):
        if event.sequence == of and event.kind in TRANSLATED and event.body.get("language") != language:
            words = _words(event)
            if words:
                return words, str(event.body.get("language", "vi"))
    raise NotFound("there is nothing to translate under this number")


def _words(event: ConsultEvent) -> str:
    parts = (event.body.get(name, "") for name in ("text", "conclusion", "recommendation"))
    return "\n\n".join(part for part in parts if part)
