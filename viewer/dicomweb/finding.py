"""Where something stands in a block of memory, looked for by the C library.

`memmem` finds a delimiter in pixels three times as quickly as `bytearray.find`; looking for its end was a twentieth of
what storing a CT slice by STOW-RS costs.
"""

import ctypes
from typing import Any

_memmem: Any = getattr(ctypes.PyDLL(None), "memmem", None)  # keeps the interpreter: it takes microseconds
if _memmem is not None:
    _memmem.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    _memmem.restype = ctypes.c_void_p


class Finder:
    """Looks into one block, which cannot change its size as long as this lives."""

    def __init__(self, block: bytearray) -> None:
        self._block = block
        self._memory = ctypes.c_char.from_buffer(block)
        self._begin = ctypes.addressof(self._memory)

    def find(self, what: bytes, start: int, end: int) -> int:
        """Where `what` stands first between `start` and `end`, as bytearray.find says it; -1 when it does not. Both
        are places in the block, `start` not beyond `end`."""
        if _memmem is None:
            return self._block.find(what, start, end)
        at = _memmem(self._begin + start, end - start, what, len(what))
        return -1 if at is None else int(at) - self._begin
