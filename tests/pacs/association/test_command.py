"""Command sets against pynetdicom's own encoder, and against malformed bytes."""

import struct
from io import BytesIO

import pytest
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode as decode_dataset

from pacs.association import command as commands
from pacs.association.endings import ProtocolError

CT = "1.2.840.10008.5.1.4.1.1.2"


def store_request() -> bytes:
    return commands.encode(
        {
            commands.AFFECTED_SOP_CLASS_UID: CT,
            commands.COMMAND_FIELD: commands.C_STORE_RQ,
            commands.MESSAGE_ID: 7,
            commands.PRIORITY: 0,
            commands.DATASET_TYPE: commands.WITH_DATASET,
            commands.AFFECTED_SOP_INSTANCE_UID: "1.2.3",
            commands.MOVE_ORIGINATOR: "WS1",
            commands.MOVE_ORIGINATOR_MESSAGE_ID: 3,
        }
    )


def test_writes_what_pynetdicom_reads() -> None:
    dataset = decode_dataset(BytesIO(store_request()), True, True)
    message = C_STORE_RQ()
    message.command_set = dataset
    primitive = message.message_to_primitive()
    assert isinstance(primitive, C_STORE)
    assert (primitive.MessageID, primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID) == (7, CT, "1.2.3")
    assert (primitive.MoveOriginatorApplicationEntityTitle, primitive.MoveOriginatorMessageID) == ("WS1", 3)


def test_reads_what_it_writes() -> None:
    command = commands.decode(store_request())
    assert (command.field, command.message_id, command.has_dataset) == (commands.C_STORE_RQ, 7, True)
    assert (command.sop_class_uid, command.sop_instance_uid) == (CT, "1.2.3")
    assert command.text(commands.MOVE_ORIGINATOR) == "WS1"
    assert command.status == 0


def test_a_response_answers_its_request() -> None:
    request = commands.decode(store_request())
    answer = commands.decode(commands.response(request, 0xA700, comment="ầ" * 100))
    assert (answer.field, answer.responded_to, answer.status) == (0x8001, 7, 0xA700)
    assert (answer.sop_class_uid, answer.sop_instance_uid, answer.has_dataset) == (CT, "1.2.3", False)
    assert len(answer.text(commands.ERROR_COMMENT)) == 64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        struct.pack("<HHL", 0, 0x0100, 2),
        struct.pack("<HHLH", 8, 0x0100, 2, 1),
        struct.pack("<HHLH", 0, 0x0100, 0xFFFFFFFF, 1),
        struct.pack("<HHLH", 0, 0x0110, 2, 1),
        store_request()[:-1],
    ],
)
def test_refuses_what_cannot_be_read(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        commands.decode(data)


def test_missing_elements_read_as_nothing() -> None:
    command = commands.decode(store_request())
    assert command.number(0x9999) == 0
    assert command.text(0x9999) == ""
