"""Servers that tests of every room may ask for: a real S3 store and a real PostgreSQL, one each per session."""

import logging
from collections.abc import Iterator

import pytest

from tests.support.corpus import corpus, manifest
from tests.support.order import long_first

pytest_plugins = ["tests.support.s3", "tests.support.postgres"]


def pytest_report_header() -> str:
    """Say which DICOM files are read."""
    if corpus() is None:
        return "DICOM files: those inside the pydicom package only; the shared corpus is not beside this clone"
    return f"DICOM files: {len(manifest())} of the shared corpus"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In one of several processes files that take long come first; alone, everything as it is written."""
    if hasattr(config, "workerinput"):
        key = long_first(_file_of(item) for item in items)
        items.sort(key=lambda item: key(_file_of(item)))


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.fixture(autouse=True)
def logging_stays() -> Iterator[None]:
    """A command that a test runs within this process sets logging up for a process of its own: most of them say errors
    only, and no later test would hear of a warning."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    told = {name: vars(logging)[name] for name in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing")}
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    vars(logging).update(told)
