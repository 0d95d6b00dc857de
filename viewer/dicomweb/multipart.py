"""multipart/related (RFC 2387): written as it is sent, read as it arrives; never whole in memory."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from flask import Response

from viewer.dicomweb.finding import Finder
from viewer.errors import InvalidRequest

BLOCK = 1 << 18
_PIECE = 1 << 20
MOST_PARTS = 20_000
MOST_HEADER_BYTES = 16 << 10
MOST_PREAMBLE_BYTES = 64 << 10
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


@dataclass(frozen=True, slots=True)
class Part:
    """A part to send. `size` is None when only sending it tells."""

    content_type: str
    body: Callable[[], Iterable[bytes]]
    size: int | None
    location: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def multipart_response(type: str, parts: Iterable[Part], etag: str = "") -> Response:
    """A response of these parts; with Content-Length when every part knows its size.

    Parts that come from a generator are taken one at a time while sending. The boundary is made of `etag`, a hash of
    what is sent and so nothing it could contain: the same answer has the same bytes, as a strong validator says.
    """
    boundary = _boundary(etag)
    known = list(parts) if isinstance(parts, list | tuple) else None
    written = _written(boundary, parts if known is None else known)
    response = Response(_in_large_pieces(written), direct_passthrough=True)
    response.headers["Content-Type"] = _content_type(type, boundary)
    if known is not None and all(part.size is not None for part in known):
        framing = sum(len(_head(boundary, part)) + 2 for part in known)
        response.content_length = framing + sum(part.size or 0 for part in known) + len(_tail(boundary))
    return response


def framing(type: str, part_type: str, size: int, location: str, etag: str) -> tuple[str, bytes, bytes]:
    """Content-Type, and what stands before and after the only part, as `multipart_response` writes it."""
    boundary = _boundary(etag)
    head = _head(boundary, Part(part_type, tuple, size, location))
    return _content_type(type, boundary), head, b"\r\n" + _tail(boundary)


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream block by block; closed at the end, also when nobody wants the rest."""
    with stream:
        while data := stream.read(BLOCK):
            yield data


def _boundary(etag: str) -> str:
    return f"hc-{hashlib.sha256((etag or os.urandom(16).hex()).encode()).hexdigest()[:40]}"


def _content_type(type: str, boundary: str) -> str:
    return f'multipart/related; type="{type}"; boundary={boundary}'


def _written(boundary: str, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        yield _head(boundary, part)
        yield from part.body()
        yield b"\r\n"
    yield _tail(boundary)


def _in_large_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: every piece is a system call and may be a packet of its own."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _head(boundary: str, part: Part) -> bytes:
    lines = [f"--{boundary}", f"Content-Type: {part.content_type}"]
    if part.size is not None:
        lines.append(f"Content-Length: {part.size}")
    if part.location:
        lines.append(f"Content-Location: {part.location}")
    lines += [f"{name}: {value}" for name, value in part.headers]
    return "\r\n".join([*lines, "", ""]).encode()


def _tail(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()


class Source(Protocol):
    """Where a body comes from."""

    def readinto(self, target: memoryview, /) -> int:
        """Put what has come into `target`; how many bytes that are, 0 at the end."""


class IncomingPart:
    """A part that is arriving. Its body must be read before the next part is asked for; what is left is skipped."""

    def __init__(self, reader: "Reader", headers: dict[str, str]) -> None:
        self._reader = reader
        self.headers = headers

    def body(self) -> Iterator[memoryview]:
        """The body in blocks of no particular size, each to be used up before the next one is asked for."""
        return self._reader.body()


class Reader:
    """The parts of a multipart body. Raises InvalidRequest when the body is malformed, cut off or over a limit.

    All of it goes through one block of memory and is handed on from where it stands: a block is released when the next
    one is asked for.
    """

    def __init__(self, source: Source, boundary: str) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise InvalidRequest("the boundary of the multipart body is missing or malformed")
        self._source = source
        self._delimiter = b"\r\n--" + boundary.encode()
        self._block = bytearray(BLOCK + MOST_HEADER_BYTES)  # what is not consumed when more is read is at most a header
        self._view = memoryview(self._block)
        self._finder = Finder(self._block)
        self._block[:2] = b"\r\n"  # so that the first delimiter is like the others
        self._at, self._end = 0, 2  # what is not consumed
        self._in_body = False

    def __iter__(self) -> Iterator[IncomingPart]:
        self._skip_preamble()
        for _ in range(MOST_PARTS):
            if self._is_the_last_delimiter():
                return
            headers = self._headers()
            self._in_body = True
            yield IncomingPart(self, headers)
            for _rest in self.body():
                pass
        if not self._is_the_last_delimiter():
            raise InvalidRequest(f"more than {MOST_PARTS} parts")

    def body(self) -> Iterator[memoryview]:
        """The rest of the part at hand, up to its delimiter, which is taken away as well."""
        keep = len(self._delimiter) - 1
        while self._in_body:
            at, found = self._at, self._find(self._delimiter)
            if found >= 0:
                end = found
                self._at = found + len(self._delimiter)
                self._in_body = False
            else:
                self._at = end = max(at, self._end - keep)  # what is left may be the beginning of the delimiter
            if end > at:
                with self._view[at:end] as ready:
                    yield ready
            if found < 0:
                self._read_on()

    def _skip_preamble(self) -> None:
        skipped = 0
        while (found := self._find(self._delimiter)) < 0 and skipped <= MOST_PREAMBLE_BYTES:
            ready = max(0, self._end - self._at - len(self._delimiter))
            skipped += ready
            self._at += ready
            self._read_on()
        if found < 0 or skipped + found - self._at > MOST_PREAMBLE_BYTES:
            raise InvalidRequest("the boundary does not occur where the body begins")
        self._at = found + len(self._delimiter)

    def _is_the_last_delimiter(self) -> bool:
        while self._end - self._at < 2:
            self._read_on()
        return self._block.startswith(b"--", self._at)

    def _headers(self) -> dict[str, str]:
        while (end := self._find(b"\r\n\r\n")) < 0 and self._end - self._at <= MOST_HEADER_BYTES:
            self._read_on()
        if end < 0 or end - self._at > MOST_HEADER_BYTES:
            raise InvalidRequest(f"the header of a part is longer than {MOST_HEADER_BYTES} bytes")
        first, *lines = self._block[self._at : end].decode("latin-1").split("\r\n")
        if first.strip(" \t"):
            raise InvalidRequest("a boundary is followed by something else than the end of its line")
        self._at = end + 4
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise InvalidRequest("the header of a part is malformed")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _find(self, what: bytes) -> int:
        return self._finder.find(what, self._at, self._end)

    def _read_on(self) -> None:
        """What is not consumed, which is little, goes to the beginning; what comes follows it."""
        rest = self._block[self._at : self._end]
        self._block[: len(rest)] = rest
        self._at, self._end = 0, len(rest)
        count = self._source.readinto(self._view[len(rest) : len(rest) + BLOCK])
        if not count:
            raise InvalidRequest("the multipart body is cut off before its last boundary")
        self._end += count
