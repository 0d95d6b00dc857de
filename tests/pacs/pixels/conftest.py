"""One codec server for all tests of this room that go through the pool."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.pixels.pool import Codecs, CodecServer, start_codec_server


@pytest.fixture(scope="package")
def codec_socket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("codecs") / "codecs.sock"


@pytest.fixture(scope="package")
def codec_server(codec_socket: Path) -> Iterator[CodecServer]:
    with start_codec_server(codec_socket, processes=2, memory_mb=1024, seconds=20) as server:
        yield server


@pytest.fixture(scope="package")
def codecs(codec_server: CodecServer, codec_socket: Path) -> Codecs:
    return Codecs(codec_socket)
