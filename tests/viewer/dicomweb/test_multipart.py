"""multipart/related is read as it arrives and written as it is sent."""

import io
import random

import pytest

from viewer.dicomweb import multipart
from viewer.dicomweb.multipart import IncomingPart, Part, Reader, multipart_response
from viewer.errors import InvalidRequest


class Trickle:
    """A connection that gives as much as it likes."""

    def __init__(self, data: bytes, pieces: random.Random | int) -> None:
        self._stream = io.BytesIO(data)
        self._pieces = pieces

    def readinto(self, target: memoryview) -> int:
        step = self._pieces if isinstance(self._pieces, int) else self._pieces.randint(1, 70)
        return self._stream.readinto(target[:step])


def message(parts: list[bytes], boundary: str = "B", preamble: bytes = b"", end: bytes = b"\r\n") -> bytes:
    body = preamble
    for part in parts:
        body += f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + part + b"\r\n"
    return body + f"--{boundary}--".encode() + end


def read(data: bytes, boundary: str = "B", pieces: random.Random | int = 1 << 20) -> list[bytes]:
    return [whole(part) for part in Reader(Trickle(data, pieces), boundary)]


def whole(part: IncomingPart) -> bytes:
    return b"".join(map(bytes, part.body()))


PARTS = [b"first", b"", b"\r\n", b"--B", b"\r\n--", b"\r\n-B\r\n--", b"x" * 5000 + b"\r\n", b"\r\n\r\n--b\r\n"]


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 64, 1 << 20])
def test_boundaries_may_lie_anywhere_between_chunks(pieces: int) -> None:
    parts = [part.replace(b"\r\n--B", b"\r\n--b") for part in PARTS]
    assert read(message(parts), pieces=pieces) == parts


def test_any_chunks_give_the_same_parts() -> None:
    random_bytes = random.Random(1)
    for seed in range(60):
        parts = [random_bytes.randbytes(random_bytes.randint(0, 300)).replace(b"--B", b"__B") for _ in range(4)]
        assert read(message(parts), pieces=random.Random(seed)) == parts


def test_a_preamble_and_an_epilogue_are_passed_over() -> None:
    assert read(message([b"x"], preamble=b"hello\r\n", end=b"\r\nbye")) == [b"x"]
    assert read(b"\r\n" + message([b"x"])) == [b"x"]
    assert read(message([b"x"]).replace(b"--B\r\n", b"--B \t\r\n")) == [b"x"]


def test_headers_are_read_without_case() -> None:
    data = b"--B\r\nCONTENT-type:  application/dicom \r\nX-Y: z\r\n\r\nbody\r\n--B\r\n\r\nbare\r\n--B--"
    reader = Reader(io.BytesIO(data), "B")
    parts = [(part.headers, whole(part)) for part in reader]
    assert parts == [({"content-type": "application/dicom", "x-y": "z"}, b"body"), ({}, b"bare")]


def test_a_body_nobody_reads_is_skipped() -> None:
    assert len(list(Reader(io.BytesIO(message([b"x" * 100_000] * 5)), "B"))) == 5


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no boundary at all",
        b"--B",
        b"--B\r\nContent-Type: application/dicom\r\n\r\ncut off",
        b"--B\r\nContent-Type: application/dicom\r\n\r\nx\r\n--B",
        b"--Bx\r\n\r\nx\r\n--B--",
        b"--B\r\nno colon\r\n\r\nx\r\n--B--",
        b"--B\r\nA: " + b"x" * 20_000 + b"\r\n\r\nx\r\n--B--",
        b"x" * 100_000 + b"\r\n--B--",
    ],
)
def test_refuses_what_is_malformed_or_cut_off(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(data)


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a\r\nb", "ends with space ", "ă"])
def test_refuses_boundaries_that_are_none(boundary: str) -> None:
    with pytest.raises(InvalidRequest):
        read(message([b"x"], "B"), boundary)


def test_limits_the_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "MOST_PARTS", 3)
    assert len(read(message([b"x"] * 3))) == 3
    with pytest.raises(InvalidRequest):
        read(message([b"x"] * 4))


def test_holds_no_more_than_a_few_blocks() -> None:
    class Endless:
        left = 400

        def readinto(self, target: memoryview) -> int:
            self.left -= 1
            data = b"--B\r\n\r\n" if self.left == 399 else b"\r\n--" * (len(target) // 4) if self.left else b"\r\n--B--"
            target[: len(data)] = data
            return len(data)

    reader = Reader(Endless(), "B")
    block, size = reader._block, 0
    for part in reader:
        size = sum(map(len, part.body()))
    assert reader._block is block
    assert len(block) < 2 * multipart.BLOCK < size


def test_a_block_that_somebody_keeps_is_none_any_more() -> None:
    for part in Reader(io.BytesIO(message([b"x" * 3 * multipart.BLOCK])), "B"):
        kept = list(part.body())
        assert len(kept) >= 3
        with pytest.raises(ValueError, match="released"):
            bytes(kept[0])


@pytest.mark.parametrize("size", [*range(1, 40), 97, 1000])
def test_reads_alike_however_it_arrives(size: int) -> None:
    bodies = [
        b"",
        b"\r\n--boundar",
        b"\r\n-" * 30 + b"\r\n--boundarx",
        b"\r",
        b"x" * 300 + b"\r\n--bound",
        b"--boundary",
    ]
    written = b"".join(b"--boundary\r\nA: b\r\n\r\n" + body + b"\r\n" for body in bodies)
    data = b"before\r\n" + written + b"--boundary--"

    class Trickling(io.BytesIO):
        def readinto(self, target: memoryview) -> int:  # type: ignore[override]
            return super().readinto(target[:size])

    found = [(one.headers, whole(one)) for one in Reader(Trickling(data), "boundary")]
    assert found == [({"a": "b"}, body) for body in bodies]
    assert [one.headers for one in Reader(Trickling(data), "boundary")] == [{"a": "b"}] * len(bodies)  # skipped


def part(body: bytes, size: int | None, made: list[bytes]) -> Part:
    def make() -> list[bytes]:
        made.append(body)
        return [body]

    return Part("image/jls; transfer-syntax=1.2.3", make, size, "http://a/b")


def test_what_is_written_can_be_read() -> None:
    bodies = [b"one", b"", b"three" * 1000]
    response = multipart_response("image/jls", [part(body, len(body), []) for body in bodies])
    data = b"".join(response.iter_encoded())
    assert response.content_length == len(data)
    type, _, rest = response.headers["Content-Type"].partition("; boundary=")
    assert type == 'multipart/related; type="image/jls"'
    found = [(one.headers, whole(one)) for one in Reader(io.BytesIO(data), rest)]
    assert [body for _, body in found] == bodies
    assert found[0][0] == {
        "content-type": "image/jls; transfer-syntax=1.2.3",
        "content-length": "3",
        "content-location": "http://a/b",
    }


def test_parts_of_unknown_size_have_no_length_and_are_made_while_sending() -> None:
    made: list[bytes] = []
    response = multipart_response("a/b", [part(body, None, made) for body in (b"1", b"2")])
    assert "Content-Length" not in response.headers
    length_before = len(made)
    assert b"".join(response.iter_encoded()).count(b"Content-Type: image/jls") == 2
    assert (length_before, made) == (0, [b"1", b"2"])
