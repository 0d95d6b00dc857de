"""Whether we are well: /healthz for machines (one word), /api/admin/health for people."""

import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from pacs.config import Config
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import instances, search, tasks
from storage.model.archive import Scope
from storage.model.worklist import WorklistFilter
from storage.objects.room import Room
from viewer.access.guard import Guard
from viewer.access.rights import ADMIN_HEALTH
from viewer.admin import integrity
from viewer.version import VERSION

FRESH_SECONDS = 2.0  # a look is good for so long, so that asking often costs nothing
STALE_SECONDS = 15.0
LOW_DISK = 10 * 1024**3
PARTS = ("Flask", "gunicorn", "pydicom", "pynetdicom", "SQLAlchemy", "numpy", "imagecodecs")


def blueprint(archive: Archive, guard: Guard, config: Config, doors: Callable[[], dict[str, bool]]) -> Blueprint:
    """Health of the index, the object store and the doors. "degraded" still serves: something needs a person."""
    routes = Blueprint("health", __name__)
    pulse = Pulse(archive)

    @routes.get("/healthz")
    @guard.open
    def healthz() -> tuple[Response, int]:
        # A room that is away for a moment is no reason to send nobody here: people are back in it by themselves.
        open_doors = all(up for part, up in doors().items() if part != LIVE)
        well = all(check["ok"] for check in pulse.checks()) and open_doors
        if not well:
            return jsonify(status="not well"), 503
        degraded = archive.objects.condition().trouble or any(space.full for space in archive.room.spaces())
        return jsonify(status="degraded" if degraded else "ok"), 200

    @routes.get("/api/admin/health")
    @guard.needs(ADMIN_HEALTH)
    def health() -> Response:
        scope = guard.caller().scope
        checks = [*pulse.checks(), *_objects(archive, config), _codecs(archive), *_disks(archive, config)]
        with suppress(StorageUnavailable):  # what the index cannot say it says in its own check
            checks.append(integrity.check(archive, scope))
            checks.append(integrity.audit_log(archive))
        return jsonify(checks=checks, counts=_counts(archive, scope), doors=doors(), versions=_versions())

    @routes.get("/api/admin/integrity")
    @guard.needs(ADMIN_HEALTH)
    def damaged_and_asked_for() -> Response:
        return jsonify(integrity.lists(archive, guard.caller().scope))

    return routes


def doors_of(config: Config) -> Callable[[], dict[str, bool]]:
    """Which parts are up, by the files the supervisor keeps; none when there is no supervisor."""
    folder = config.data / "run" / "ready"
    parts = ("codecs", "worker", LIVE, *(f"dicom-{number + 1}" for number in range(config.dicom.listeners)))

    def doors() -> dict[str, bool]:
        if not folder.is_dir():
            return {}
        return {part: (folder / part).exists() for part in parts}

    return doors


LIVE = "live"
NO_ANSWER = "no answer yet"  # a sentence the page knows


class Pulse:
    """The last look at the index and the object store."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._checks: list[dict[str, Any]] = []

    def checks(self) -> list[dict[str, Any]]:
        """What was found a moment ago. One thread looks; while it does, the others hear what was found before, and
        that nothing answers once the look takes too long: a store that hangs must not take every thread."""
        if not self._lock.acquire(blocking=False):
            if self._checks and time.monotonic() - self._at < STALE_SECONDS:
                return self._checks
            return [{"name": "index and object store", "ok": False, "detail": NO_ANSWER}]
        try:
            if time.monotonic() - self._at > FRESH_SECONDS:
                self._checks = [_check("index", self._index), _check("object store", self._archive.objects.check)]
                self._at = time.monotonic()
            return self._checks
        finally:
            self._lock.release()

    def _index(self) -> str:
        began = time.perf_counter()
        with self._archive.database.reading() as db:
            tasks.counts(db)
        kind = "PostgreSQL" if self._archive.database.engine_name == "postgresql" else "SQLite"
        return f"{kind} answers in {(time.perf_counter() - began) * 1000:.0f} ms"


def _check(name: str, look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": look()}
    except ArchiveError as error:
        return {"name": name, "ok": False, "detail": str(error)}


def _codecs(archive: Archive) -> dict[str, Any]:
    return _check("codecs", lambda: archive.codecs.check())


def _objects(archive: Archive, config: Config) -> list[dict[str, Any]]:
    """What waits for the final store, and what is wrong; `trouble` is a word the page explains (see Condition)."""
    condition = archive.objects.condition()
    staged = config.objects_url.startswith("s3:")
    if not staged and not condition.trouble:
        return []
    stopped = condition.trouble in ("waiting-full", "sync-failed", "disk") or (staged and config.objects.strict)
    check: dict[str, Any] = {
        "name": "uploads" if staged else "durability",
        "ok": not condition.trouble,
        "attention": bool(condition.trouble) and not stopped,
        "detail": condition.detail,
        "trouble": condition.trouble,
    }
    if staged:
        check |= {
            "waiting": condition.waiting,
            "waiting_bytes": condition.waiting_bytes,
            "oldest_at": condition.oldest_at,
            "stuck": condition.stuck,
            "kept_bytes": condition.kept_bytes,
        }
    return [check]


def _disks(archive: Archive, config: Config) -> list[dict[str, Any]]:
    """Each disk we write to: nothing more is taken below its mark, and attention is drawn long before."""
    spaces = archive.room.spaces() or Room([config.data]).spaces()
    if not spaces:
        return [{"name": "disk", "ok": False, "detail": "the data folder does not answer"}]
    checks = []
    for space in spaces:
        low = space.free < min(LOW_DISK, space.total // 10)
        checks.append(
            {
                "name": "disk",
                "ok": not low and not space.full,
                "attention": low and not space.full,
                "trouble": "no-room" if space.full else "low-room" if low else "",
                "detail": f"{space.free / 1024**3:,.1f} GiB free of {space.total / 1024**3:,.1f} GiB",
                "free": space.free,
                "total": space.total,
                "mark": space.mark,
            }
        )
    return checks


def _counts(archive: Archive, scope: Scope) -> dict[str, Any]:
    with archive.database.reading() as db:
        conflicts, quarantine = instances.waiting(db, scope)
        return {
            "studies": search.worklist(db, scope, WorklistFilter(limit=1)).total,
            "conflicts": conflicts,
            "quarantine": quarantine,
            "tasks": tasks.counts(db),
        }


def _versions() -> dict[str, str]:
    found = {"hoichan": VERSION, "python": platform.python_version()}
    for name in PARTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
