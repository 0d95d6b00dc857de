"""An archive for each test, and one codec server for all that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.pixels.pool import Codecs, start_codec_server
from tests.pacs.parts import House, house


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    """An archive without codecs."""
    made = house(tmp_path)
    yield made
    made.archive.close()


@pytest.fixture(scope="session")
def served_codecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Codecs]:
    path = tmp_path_factory.mktemp("codecs") / "codecs.sock"
    with start_codec_server(path, processes=2, memory_mb=1024, seconds=20):
        yield Codecs(path)


@pytest.fixture
def seeing(tmp_path: Path, served_codecs: Codecs) -> Iterator[House]:
    """An archive with codecs."""
    made = house(tmp_path, served_codecs)
    yield made
    made.archive.close()
