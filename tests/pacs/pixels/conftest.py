"""One codec server for all tests of this room that go through the pool."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.pixels.pool import Codecs, start_codec_server


@pytest.fixture(scope="package")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Codecs]:
    path: Path = tmp_path_factory.mktemp("codecs") / "codecs.sock"
    with start_codec_server(path, processes=2, memory_mb=1024, seconds=20):
        yield Codecs(path)
