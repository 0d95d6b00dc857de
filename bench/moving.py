"""C-GET and C-MOVE as a client that costs little: what is received is counted and thrown away."""

import socket
import threading

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import pdu as pdus
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import build_context

from bench.targets import Target
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.endings import AssociationEnd
from pacs.association.stream import PduStream
from pacs.dimse.identifier import encode
from pacs.send.negotiation import user_information

GET, MOVE = "1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.2.2"
MAX_PDU = 128 * 1024
_LARGEST = 1 << 30


def get(target: Target, study: str) -> int:
    """Fetch a study; how many instances came."""
    stream = _associated(target, GET, CTImageStorage)
    stream.send_message(1, _request(commands.C_GET_RQ, GET), _identifier(study))
    count = 0
    while True:
        context_id, command = stream.read_command()
        if command.field == commands.C_STORE_RQ:
            stream.skip_dataset(context_id, _LARGEST)
            stream.send_message(context_id, commands.response(command, 0))
            count += 1
        elif command.status != 0xFF00:
            _release(stream)
            return count


def move(target: Target, study: str, destination: str) -> None:
    """Have a study sent to the destination."""
    stream = _associated(target, MOVE)
    stream.send_message(1, _request(commands.C_MOVE_RQ, MOVE, destination), _identifier(study))
    while stream.read_command()[1].status == 0xFF00:
        pass
    _release(stream)


class Sink:
    """A C-STORE SCP that takes everything on one association after the other. A context manager."""

    def __init__(self, ae_title: str, port: int) -> None:
        self.ae_title = ae_title
        self.count = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Sink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve(PduStream(connection, max_pdu=MAX_PDU, idle_seconds=60, message_seconds=60))

    def _serve(self, stream: PduStream) -> None:
        try:
            _, data = stream.read_pdu(10, pdu.ASSOCIATE_RQ, pdu.MAX_ASSOCIATE)
            stream.send(_accepting(data))
            while True:
                context_id, command = stream.read_command()
                stream.skip_dataset(context_id, _LARGEST)
                self.count += 1
                stream.send_message(context_id, commands.response(command, 0))
        except AssociationEnd:
            stream.send(pdu.RELEASE_RESPONSE)


def _accepting(data: bytes) -> bytes:
    """The A-ASSOCIATE-AC that takes the first transfer syntax of every context."""
    request = pdus.A_ASSOCIATE_RQ()
    request.decode(data)
    answer = request.to_primitive()
    answer.presentation_context_definition_results_list = []
    for context in answer.presentation_context_definition_list:
        context.result = 0
        context.transfer_syntax = context.transfer_syntax[:1]
        answer.presentation_context_definition_results_list.append(context)
    answer.presentation_context_definition_list = []
    answer.user_information = user_information(MAX_PDU)
    answer.result = 0
    return bytes(pdus.A_ASSOCIATE_AC(answer).encode())


def _associated(target: Target, service: str, stored: str = "") -> PduStream:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "BENCH", target.ae_title
    contexts = [build_context(service, [ImplicitVRLittleEndian])]
    information = user_information(MAX_PDU)
    if stored:
        contexts.append(build_context(stored, [ExplicitVRLittleEndian]))
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = stored, False, True
        information.append(role)
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = contexts
    request.user_information = information
    connection = socket.create_connection((target.host, target.port))
    stream = PduStream(connection, max_pdu=MAX_PDU, idle_seconds=120, message_seconds=120)
    stream.send(bytes(pdus.A_ASSOCIATE_RQ(request).encode()))
    kind, _ = stream.read_pdu(30, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)
    if kind != pdu.ASSOCIATE_AC:
        raise RuntimeError(f"{target.name} refused the association")
    return stream


def _request(field: int, sop_class: str, destination: str = "") -> bytes:
    fields: dict[int, int | str] = {
        commands.AFFECTED_SOP_CLASS_UID: sop_class,
        commands.COMMAND_FIELD: field,
        commands.MESSAGE_ID: 1,
        commands.PRIORITY: 0,
        commands.DATASET_TYPE: commands.WITH_DATASET,
    }
    if destination:
        fields[commands.MOVE_DESTINATION] = destination
    return commands.encode(fields)


def _identifier(study: str) -> bytes:
    dataset = Dataset()
    dataset.QueryRetrieveLevel, dataset.StudyInstanceUID = "STUDY", study
    return encode(dataset, str(ImplicitVRLittleEndian))


def _release(stream: PduStream) -> None:
    stream.send(pdu.RELEASE_REQUEST)
    stream.read_pdu(10, pdu.RELEASE_RP, pdu.MAX_OTHER)
    stream.close()
