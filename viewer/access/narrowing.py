"""/at/<hospital code>/…: any address of ours, meant for one hospital.

A Study Instance UID names a study of whoever made it, and two hospitals can have the study: the one that took it, and
the one where the patient went next. So the pages name the hospital before the path. It is taken off here, before
anything else looks at the request, and kept in the environ; the guard narrows the caller's scope to that hospital. It
never widens it: of a hospital where the caller sees nothing there is nothing, whether there is such a hospital or not.
"""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from flask import Request, request

from storage.errors import NotFound
from storage.index import hospitals
from storage.index.database import Database
from storage.model.archive import Scope

Answer = TypeVar("Answer")

AT = "hoichan.at"  # in the environ: the code of the hospital that is meant
_PATH = re.compile(r"/at/([a-z0-9-]{1,32})(/.*)", re.ASCII | re.DOTALL)


class AtHospital(Generic[Answer]):
    """The application behind addresses that name a hospital, and as it was behind the others."""

    def __init__(self, application: Callable[[dict[str, Any], Callable[..., Any]], Answer]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        named = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if named is not None:
            environ[AT], environ["PATH_INFO"] = named.groups()
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix(named[1])
        return self._application(environ, start_response)


def prefix(code: str) -> str:
    """What stands before a path that is meant for the hospital of this code; "" for none."""
    return f"/at/{code}" if code else ""


def meant(asked: Request = request) -> str:
    """What stood before the path of this request."""
    return prefix(asked.environ.get(AT, ""))


class Narrowing:
    """Narrows scopes to the hospital a request means. A code never changes, so each is looked up once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[str, int] = {}

    def hospital_of(self, asked: Request) -> int | None:
        """The id of the hospital that is meant; None when the address names none, 0 when there is no such hospital."""
        code = asked.environ.get(AT)
        return None if code is None else self.id_of(code)

    def id_of(self, code: str) -> int:
        """The id of the hospital of this code, or 0."""
        if code not in self._ids:
            try:
                with self._database.reading() as db:
                    self._ids[code] = hospitals.by_code(db, code).id
            except NotFound:
                return 0
        return self._ids[code]


def narrowed(scope: Scope, hospital_id: int | None) -> Scope:
    """What of the scope is at the hospital that is meant."""
    return scope if hospital_id is None else scope.within(hospital_id)
