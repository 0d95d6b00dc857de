"""Inputs for hypothesis: something right, with a few things wrong."""

from hypothesis import strategies as st

_LENGTHS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x01", b"\x01\0\0\0", b"\xfe\xff\0\xe0",
            b"\xfe\xff\xdd\xe0", b"\xff\xff", b"\0", b"SQ", b"UN", b"\r\n--")  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of `seeds` after up to six edits: bytes changed, put in, taken out, repeated, or the end cut off."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        edit = draw(st.integers(0, 4))
        if edit == 0:
            piece = draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(_LENGTHS)))
            data[at : at + len(piece)] = piece
        elif edit == 1:
            data[at:at] = draw(st.one_of(st.binary(max_size=32), st.sampled_from(_LENGTHS)))
        elif edit == 2:
            del data[at : at + draw(st.integers(1, 64))]
        elif edit == 3:
            size = draw(st.integers(1, 64))
            data[at:at] = data[at : at + size] * draw(st.integers(1, 40))
        else:
            del data[at:]
    return bytes(data)
