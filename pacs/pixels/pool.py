"""Decoding in child processes, seen from the side that asks.

A frame may come from anywhere, and codecs written in C crash, hang and eat memory on the wrong one. So no process of
the archive ever decodes: it asks `Codecs`, and at worst a child dies and the caller gets UndecodablePixels.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import protocol
from pacs.pixels.header import MOST_FRAME_BYTES, MOST_HEADER_BYTES
from pacs.pixels.options import RenderOptions
from pacs.pixels.server import serve_codecs
from storage.errors import StorageUnavailable

__all__ = ["CodecServer", "Codecs", "serve_codecs", "start_codec_server"]

_RESTART_SECONDS = 5.0  # how long a server may take to come back before we say that it is not there
_START_SECONDS = 60.0  # … or to come up at first: its imports take long on a busy machine
_ERRORS = {"UndecodablePixels": UndecodablePixels, "UnsupportedTransferSyntax": UnsupportedTransferSyntax}


class Codecs:
    """A client of the codec server. Holds no connection and no lock, so it may be shared by threads and forks.

    Every method raises UndecodablePixels when the frame cannot be decoded or its decoder died or ran over its limits,
    UnsupportedTransferSyntax when no codec knows the syntax, and StorageUnavailable when the server is not there.

    `header` is the dataset as encoded in `transfer_syntax` (deflated already inflated) up to the Pixel Data element;
    that element's own tag, VR and length may follow and say more (float pixels, OW in big endian). `frame_data` is the
    stored frame, fragments joined, beginning at bit 0. `frame_number` counts from 1.
    """

    def __init__(self, socket_path: Path, patience: float = 120.0, absence: float | None = None) -> None:
        """`patience` is how many seconds a request may take, waiting for a free child included; `absence` how many the
        server may not be there at all, as long as one takes to be restarted when it is not said."""
        self._path = str(socket_path)
        self._patience = patience
        self._absence = _RESTART_SECONDS if absence is None else absence

    def decode(self, header: bytes, transfer_syntax: str, frame_data: bytes, frame_number: int = 1) -> bytes:
        """The frame as native little endian samples; palette indices stay, one-bit samples are packed. What was
        compressed is colour by pixel, YBR becomes RGB; what was native stays arranged as its header says."""
        return self._ask({"do": "decode", "syntax": transfer_syntax, "frame": frame_number}, header, frame_data)

    def samples(self, header: bytes, transfer_syntax: str, frame_data: bytes, frame_number: int = 1) -> bytes:
        """The samples of the frame in one form, however it was stored: little endian, colour by pixel, YBR as RGB.
        Two encodings of one picture give the same bytes."""
        return self._ask({"do": "samples", "syntax": transfer_syntax, "frame": frame_number}, header, frame_data)

    def transcode_frame(
        self,
        header: bytes,
        transfer_syntax: str,
        frame_data: bytes,
        frame_number: int,
        target_syntax: str,
    ) -> bytes:
        """The frame in another transfer syntax, sample values exactly kept (save for JPEG Baseline).

        `pacs.pixels.photometric.encoded_photometric` says what Photometric Interpretation the result has.
        """
        head = {"do": "transcode", "syntax": transfer_syntax, "frame": frame_number, "target": target_syntax}
        return self._ask(head, header, frame_data)

    def render(
        self,
        header: bytes,
        transfer_syntax: str,
        frame_data: bytes | protocol.FromFile,
        frame_number: int = 1,
        options: RenderOptions | None = None,
        presentation: bytes = b"",
    ) -> bytes:
        """The frame as a picture to look at: JPEG, PNG or WebP. `presentation` is the dataset of a presentation state
        that says how, "" for none. `frame_data` may also be where the frame lies in a file."""
        head = {
            "do": "render",
            "syntax": transfer_syntax,
            "frame": frame_number,
            "options": asdict(options or RenderOptions()),
        }
        return self._ask(head, header, frame_data, *([presentation] if presentation else []))

    def preview(self, header: bytes, transfer_syntax: str, frame_data: bytes, frame_number: int = 1) -> bytes:
        """The frame as a small lossy one with the error it has, packed (`pacs.pixels.previews`)."""
        return self._ask({"do": "preview", "syntax": transfer_syntax, "frame": frame_number}, header, frame_data)

    def check(self) -> str:
        """A sentence for `doctor`. Raises StorageUnavailable."""
        return self._ask({"do": "check"}, b"", b"").decode()

    def _ask(self, head: dict[str, Any], header: bytes, frame: bytes | protocol.FromFile, *more: bytes) -> bytes:
        if len(header) > MOST_HEADER_BYTES:
            raise UndecodablePixels(f"The header has {len(header)} bytes, more than {MOST_HEADER_BYTES}")
        size = frame.length if isinstance(frame, protocol.FromFile) else len(frame)
        if size > MOST_FRAME_BYTES + 2:
            raise UndecodablePixels(f"The frame has {size} bytes, more than {MOST_FRAME_BYTES}")
        if any(len(part) > MOST_HEADER_BYTES for part in more):
            raise UndecodablePixels(f"The presentation state has more than {MOST_HEADER_BYTES} bytes")
        frame_data, file = b"", None
        if isinstance(frame, protocol.FromFile):
            file, head["file"] = frame.descriptor, [frame.offset, frame.length]
        else:
            frame_data = frame
        started = time.monotonic()
        for last in (False, True):
            asked = time.monotonic()
            try:
                with self._connected(started + self._patience) as connection:
                    protocol.send(connection, head, (header, frame_data, *more), file)
                    answer, parts = protocol.receive(connection)
                break
            except TimeoutError as error:
                raise StorageUnavailable("The codec server is too busy to answer") from error
            except (protocol.BrokenMessageError, OSError) as error:
                # a child may die for another reason than this frame (a restart, the kernel's want of memory): ask once
                # more, unless it took so long that it must have run into its time limit
                if last or time.monotonic() - asked > 2:
                    raise UndecodablePixels("The codec crashed or ran over its limits on this frame") from error
        if "error" in answer:
            raise _ERRORS.get(str(answer["error"]), UndecodablePixels)(str(answer.get("detail", "")))
        return parts[0]

    @contextmanager
    def _connected(self, deadline: float) -> Iterator[socket.socket]:
        """A connection, waiting a moment for a server that is being restarted."""
        give_up = min(deadline, time.monotonic() + self._absence)
        pause = 0.01
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(max(0.1, deadline - time.monotonic()))
                with protocol.short_address(self._path) as address:
                    connection.connect(address)
                break
            except OSError as error:
                connection.close()
                if time.monotonic() + pause > give_up:
                    raise StorageUnavailable("The codec server does not answer; is it running?") from error
                time.sleep(pause)
                pause = min(0.2, pause * 2)
        try:
            yield connection
        finally:
            connection.close()


class CodecServer:
    """A codec server started by this process; it ends with `stop` or with this process."""

    def __init__(self, process: "subprocess.Popen[bytes]", lifeline: int, seconds: float) -> None:
        self.process = process
        self._lifeline = lifeline
        self._seconds = seconds

    def stop(self) -> None:
        """Let running requests finish, then end."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self.process.terminate()
        try:
            self.process.wait(self._seconds + 5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "CodecServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_codec_server(
    socket_path: Path, processes: int = 2, memory_mb: int = 1024, seconds: float = 20
) -> CodecServer:
    """Start a codec server beside this process and wait until it answers. Raises StorageUnavailable."""
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "pacs.pixels", str(socket_path), str(processes), str(memory_mb), str(seconds)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_root()), *filter(None, [os.getenv("PYTHONPATH")])]),
    }
    # the child holds the reading end as its standard input: it sees the end when this process is gone
    process = subprocess.Popen(command, stdin=ours, env=environment)
    os.close(ours)
    server = CodecServer(process, theirs, seconds)
    try:
        Codecs(socket_path, patience=_START_SECONDS, absence=_START_SECONDS).check()
    except StorageUnavailable:
        server.stop()
        raise
    return server


def _root() -> Path:
    return Path(__file__).resolve().parents[2]
