"""Command sets (PS3.7 §6.3.1, Annex E): always Implicit VR Little Endian, a handful of short elements."""

import struct
from collections.abc import Mapping

from pacs.association.endings import INVALID_PARAMETER, ProtocolError

MAX_COMMAND = 64 * 1024

C_STORE_RQ, C_GET_RQ, C_FIND_RQ, C_MOVE_RQ, C_ECHO_RQ, C_CANCEL_RQ = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF
N_EVENT_REPORT_RQ, N_ACTION_RQ = 0x0100, 0x0130
RESPONSE = 0x8000
NORMALISED = 0x0100  # of the commands of DIMSE-N
NO_DATASET, WITH_DATASET = 0x0101, 0x0001

AFFECTED_SOP_CLASS_UID = 0x0002
REQUESTED_SOP_CLASS_UID = 0x0003
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_RESPONDED_TO = 0x0120
MOVE_DESTINATION = 0x0600
PRIORITY = 0x0700
DATASET_TYPE = 0x0800
STATUS = 0x0900
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE_UID = 0x1000
REQUESTED_SOP_INSTANCE_UID = 0x1001
EVENT_TYPE_ID = 0x1002
ACTION_TYPE_ID = 0x1008
REMAINING, COMPLETED, FAILED, WARNING = 0x1020, 0x1021, 0x1022, 0x1023
MOVE_ORIGINATOR = 0x1030
MOVE_ORIGINATOR_MESSAGE_ID = 0x1031

Fields = Mapping[int, int | str]

_ELEMENT = struct.Struct("<HHL")
_US = struct.Struct("<H")
_UIDS = frozenset({0x0002, 0x0003, 0x1000, 0x1001})


class Command:
    """A received command set. Missing elements read as 0 or ""."""

    __slots__ = ("_elements",)

    def __init__(self, elements: dict[int, bytes]) -> None:
        self._elements = elements

    def number(self, element: int) -> int:
        value = self._elements.get(element, b"")
        return int(_US.unpack_from(value)[0]) if len(value) >= 2 else 0

    def text(self, element: int) -> str:
        return self._elements.get(element, b"").rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace")

    @property
    def field(self) -> int:
        return self.number(COMMAND_FIELD)

    @property
    def message_id(self) -> int:
        return self.number(MESSAGE_ID)

    @property
    def responded_to(self) -> int:
        return self.number(MESSAGE_ID_RESPONDED_TO)

    @property
    def sop_class_uid(self) -> str:
        return self.text(AFFECTED_SOP_CLASS_UID)

    @property
    def sop_instance_uid(self) -> str:
        return self.text(AFFECTED_SOP_INSTANCE_UID)

    @property
    def status(self) -> int:
        return self.number(STATUS)

    @property
    def has_dataset(self) -> bool:
        return self.number(DATASET_TYPE) != NO_DATASET


def decode(data: bytes) -> Command:
    """The command set in `data`; unknown elements are kept and ignored."""
    elements: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(data):
        group, element, length = _ELEMENT.unpack_from(data, position)
        position += 8
        if group != 0 or position + length > len(data):
            raise ProtocolError("a command set that cannot be read", INVALID_PARAMETER)
        elements[element] = data[position : position + length]
        position += length
    command = Command(elements)
    if position != len(data) or not command.field:
        raise ProtocolError("a command set that cannot be read", INVALID_PARAMETER)
    return command


def encode(fields: Fields) -> bytes:
    """A command set with its group length, in element order."""
    body = b"".join(_element(element, fields[element]) for element in sorted(fields))
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def _element(element: int, value: int | str) -> bytes:
    if isinstance(value, int):
        return _ELEMENT.pack(0, element, 2) + _US.pack(value)
    data = value.encode("ascii", "replace")
    if len(data) % 2:
        data += b"\0" if element in _UIDS else b" "
    return _ELEMENT.pack(0, element, len(data)) + data


def response(
    request: Command, status: int, more: Fields | None = None, *, comment: str = "", dataset: bool = False
) -> bytes:
    """The response to `request` with `status`; `more` are counts, `comment` is cut to what an Error Comment holds."""
    fields: dict[int, int | str] = {
        COMMAND_FIELD: request.field | RESPONSE,
        MESSAGE_ID_RESPONDED_TO: request.message_id,
        DATASET_TYPE: WITH_DATASET if dataset else NO_DATASET,
        STATUS: status,
    }
    if request.sop_class_uid:
        fields[AFFECTED_SOP_CLASS_UID] = request.sop_class_uid
    if request.sop_instance_uid and request.field == C_STORE_RQ:
        fields[AFFECTED_SOP_INSTANCE_UID] = request.sop_instance_uid
    if comment:
        fields[ERROR_COMMENT] = comment[:64]
    if more:
        fields.update(more)
    return encode(fields)
