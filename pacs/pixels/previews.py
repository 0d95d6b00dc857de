"""A preview as it travels and is kept: a line of JSON that says how good it is, then the codestream."""

import json
from dataclasses import dataclass

GENERATION = 1  # counts up when the same frame gets another preview: what was kept is then made anew
KIND = f"preview-{GENERATION}"  # stands where a transfer syntax does among the frames that are kept
NONE = b""  # kept of a frame of which there is no preview


@dataclass(frozen=True, slots=True)
class Preview:
    """A lossy frame with the rows and columns of the original. `offset` is added to every decoded value. `rmse` and
    `max_error` are after the Modality LUT, in `unit` ("HU", or "" where the values have none), padding left out."""

    data: bytes
    transfer_syntax_uid: str
    offset: int
    rmse: float
    max_error: float
    unit: str

    def packed(self) -> bytes:
        """The line and the codestream."""
        facts = [self.transfer_syntax_uid, self.offset, round(self.rmse, 4), round(self.max_error, 4), self.unit]
        return json.dumps(facts).encode() + b"\n" + self.data


def unpacked(record: bytes) -> Preview | None:
    """What was packed; None of a frame that has no preview."""
    if not record:
        return None
    line, _, data = record.partition(b"\n")
    syntax, offset, rmse, max_error, unit = json.loads(line)
    return Preview(data, str(syntax), int(offset), float(rmse), float(max_error), str(unit))
