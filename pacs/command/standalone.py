"""Commands that work with or without a running server: they bring codec processes of their own when there are none."""

import contextlib
import socket
from collections.abc import Iterator

from pacs.config import Config
from pacs.pixels.pool import start_codec_server


@contextlib.contextmanager
def codecs_if_none(config: Config) -> Iterator[None]:
    """Codec processes at the configured socket: those of the running server, else our own until the block ends."""
    if _answers(config):
        yield
        return
    config.codec_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = start_codec_server(
        config.codec_socket, config.codecs.processes, config.codecs.memory_mb, config.codecs.seconds
    )
    try:
        yield
    finally:
        server.stop()


def _answers(config: Config) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(config.codec_socket))
        except OSError:
            return False
    return True
