"""Logging: one line for one thing that happened, with the id of the request, association or task it belongs to.

Handlers are only set up here. Names, patient IDs, dates of birth and identifiers of queries are never logged, at any
level; pynetdicom and the libraries below us are told so.
"""

import json
import logging
import multiprocessing
import sys
import time
import warnings
from contextvars import ContextVar
from functools import lru_cache

activity: ContextVar[str] = ContextVar("activity", default="-")
"""The id of what is being done: ``r-…`` a request, ``a-…`` an association, ``t-…`` a task."""

_TELLING = ("pynetdicom", "pydicom")  # their messages and warnings quote values of elements
_QUIET = ("sqlalchemy", "alembic", "urllib3", "PIL", "gunicorn.access")


class _Activity(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.activity = activity.get()
        return True


class _Text(logging.Formatter):
    """``2026-11-23T07:01:02.123Z info a-1f3c pacs.dimse.store: …``; control characters cannot start a line."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info is None:  # what the line below says, at half its price
            activity = getattr(record, "activity", "-")
            text = f"{_instant(record)} {record.levelname} {activity} {record.name}: {record.getMessage()}"
            if text.isprintable():
                return text
        text = super().format(record)
        first, *rest = text.splitlines() or [""]
        return "\n".join([_clean(first), *("  | " + _clean(line) for line in rest)])

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _instant(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "activity": getattr(record, "activity", "-"),
            "process": multiprocessing.current_process().name,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str, form: str) -> None:
    """Send all log lines to standard error in the chosen form; libraries speak only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Activity())
    handler.setFormatter(
        _Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(activity)s %(name)s: %(message)s")
    )
    logging._srcfile = None  # nobody is told where a line was written, and looking costs more than writing it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # nor by which, but as we ask it
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in _TELLING:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore")


def _instant(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


def _clean(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c >= " " and c != "\x7f" else f"\\x{ord(c):02x}" for c in text)
