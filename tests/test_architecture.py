"""The floors of the house: imports go down only, and each guarded library stays in its room."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up. A module may import modules of lower floors and of its own room, never sideways, never up.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("storage.errors",),
    ("storage.model",),
    ("storage.objects", "storage.index"),
    ("pacs.balance", "pacs.errors", "pacs.logs", "pacs.identity", "pacs.recent", "pacs.settings"),
    ("pacs.config", "pacs.acts", "pacs.keyfile", "pacs.sealing"),
    ("pacs.live",),
    ("pacs.pixels", "pacs.dataset"),
    ("pacs.describe", "pacs.query", "pacs.present", "pacs.status", "pacs.deidentify"),
    ("pacs.describing_again", "pacs.instance_text"),
    ("pacs.archive", "pacs.auditing", "pacs.deciding", "pacs.receipts", "pacs.verifying"),
    ("pacs.sharing",),
    ("pacs.annotating", "pacs.consult", "pacs.rebuilding", "pacs.reconciling", "pacs.rejecting"),
    ("pacs.minutes",),
    ("pacs.importing",),
    ("pacs.samples",),
    ("pacs.association",),
    ("pacs.send",),
    ("pacs.dimse", "pacs.jobs"),
    ("pacs.assembly",),
    (
        "viewer.addresses",
        "viewer.arriving",
        "viewer.errors",
        "viewer.compression",
        "viewer.display",
        "viewer.headers",
        "viewer.heads",
        "viewer.journal",
        "viewer.problem_pages",
        "viewer.sending",
        "viewer.tables",
        "viewer.version",
    ),
    ("viewer.problems", "viewer.bodies"),
    ("viewer.access",),
    ("viewer.dicomweb", "viewer.worklist", "viewer.reading", "viewer.admin", "viewer.live"),
    ("viewer.links",),
    ("viewer.consult",),
    ("viewer.app", "viewer.at_once", "viewer.warming"),
    ("viewer.serve",),
    ("pacs.command",),
    ("pacs.__main__",),
)

GUARDED: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("storage.index",),
    "alembic": ("storage.index",),
    "sqlite3": ("storage.index",),
    "psycopg": ("storage.index",),
    "minio": ("storage.objects",),
    "websockets": ("pacs.live",),
    "pynetdicom": ("pacs.dimse", "pacs.send"),
    "flask": ("viewer",),
    "werkzeug": ("viewer",),
    "gunicorn": ("viewer.serve",),
    "numpy": ("pacs.pixels",),
    "PIL": ("pacs.pixels",),
    "imagecodecs": ("pacs.pixels",),
    "jpeg_ls": ("pacs.pixels",),
    "openjpeg": ("pacs.pixels",),
    "yaml": ("pacs.config",),
    "argon2": ("viewer.access",),
    "fontTools": ("pacs.minutes",),
    "weasyprint": ("pacs.minutes",),
    "Crypto": ("pacs.sealing",),
    "pydicom": (
        "pacs.dataset", "pacs.describe", "pacs.query", "pacs.present", "pacs.status", "pacs.archive", "pacs.pixels",
        "pacs.samples", "pacs.dimse", "pacs.send", "pacs.deidentify", "viewer.dicomweb",
    ),
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for room in ("storage", "pacs", "viewer"):
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    """Every module named by an import, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(module: str) -> int | None:
    """The highest-named floor the module stands on; None for packages that only hold rooms."""
    best: tuple[int, int] | None = None
    for height, rooms in enumerate(FLOORS):
        for room in rooms:
            if (module == room or module.startswith(room + ".")) and (best is None or len(room) > best[0]):
                best = (len(room), height)
    return None if best is None else best[1]


def room(module: str) -> str:
    return max(
        (r for rooms in FLOORS for r in rooms if module == r or module.startswith(r + ".")), key=len, default=module
    )


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_down(module: str, path: Path) -> None:
    own = floor(module)
    if own is None:
        assert module in ("storage", "pacs", "viewer"), f"{module} stands on no floor: add its room to FLOORS"
        return
    for target in imports(path):
        theirs = floor(target)
        if theirs is None or room(target) == room(module):
            continue
        assert theirs < own, f"{module} may not import {target}: imports go down, never sideways, never up"


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_libraries_stay_in_their_rooms(module: str, path: Path) -> None:
    for target in imports(path):
        rooms = GUARDED.get(target.split(".")[0])
        if rooms is not None:
            inside = any(module == r or module.startswith(r + ".") for r in rooms)
            assert inside, f"{module} may not use {target}: it belongs to {', '.join(rooms)}"


def test_a_wrong_import_would_be_seen() -> None:
    assert (floor("storage.index.search") or 0) < (floor("pacs.archive") or 0) < (floor("viewer.app") or 0)
    assert floor("viewer.dicomweb.wado") == floor("viewer.worklist.routes")
    assert room("viewer.dicomweb.wado") != room("viewer.worklist.routes")


def test_no_file_grows_without_end() -> None:
    long = {
        module: lines
        for module, path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450
    }
    assert not long, f"these ask to be two: {long}"
