"""A C-STORE SCU that costs little: every PDU is encoded before the clock starts and sent with one call.

A client that costs more than the server measures itself. No TLS, no asynchronous operations.
"""

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

from bench.targets import Target
from pacs.association import command as commands
from pacs.association import pdu

EXPLICIT = "1.2.840.10008.1.2.1"
LONGEST_PDU = 131072  # what modalities send at most, whatever they may
CALLING = "BENCH"
_WAIT = 600


@dataclass(frozen=True, slots=True)
class Sent:
    """What one association brought: seconds of each instance, and bytes."""

    seconds: tuple[float, ...]
    bytes: int


class Sender:
    """One association that stores one SOP class."""

    def __init__(self, target: Target, sop_class: str) -> None:
        self._socket = socket.create_connection((target.host, target.port), timeout=_WAIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_request(target.ae_title, sop_class))
        kind, data = self._pdu()
        if kind != pdu.ASSOCIATE_AC:
            raise RuntimeError(f"{target.name}: no association (PDU {kind})")
        accepted = A_ASSOCIATE_AC()
        accepted.decode(data)
        self.longest = min(accepted.user_information.maximum_length or LONGEST_PDU, LONGEST_PDU)
        if any(context.result for context in accepted.presentation_context):
            raise RuntimeError(f"{target.name}: {sop_class} was not accepted")

    def send(self, message: bytes) -> None:
        """One encoded message; its status must be success."""
        self._socket.sendall(message)
        self.answered()

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """A message that is too large to be held."""
        for piece in pieces:
            self._socket.sendall(piece)
        self.answered()

    def answered(self) -> None:
        kind, data = self._pdu()
        if kind != pdu.P_DATA:
            raise RuntimeError(f"C-STORE: PDU {kind} instead of an answer")
        status = commands.decode(data[6 + pdu.PDV_HEADER :]).status
        if status:
            raise RuntimeError(f"C-STORE: status {status:04X}")

    def release(self) -> None:
        self._socket.sendall(pdu.RELEASE_REQUEST)
        self._pdu()
        self._socket.close()

    def _pdu(self) -> tuple[int, bytes]:
        head = self._exactly(6)
        kind, length = pdu.HEADER.unpack(head)
        return kind, head + self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise RuntimeError("the connection was closed")
            data += more
        return bytes(data)


def message(sop_class: str, uid: str, dataset: bytes, longest: int) -> bytes:
    """A whole C-STORE-RQ as it goes over the wire."""
    return b"".join(pdu.message(1, command(sop_class, uid), dataset, pdu.fragment_length(longest)))


def command(sop_class: str, uid: str) -> bytes:
    """The command set of a C-STORE-RQ."""
    return commands.encode(
        {
            commands.AFFECTED_SOP_CLASS_UID: sop_class,
            commands.COMMAND_FIELD: commands.C_STORE_RQ,
            commands.MESSAGE_ID: 1,
            commands.PRIORITY: 0,
            commands.DATASET_TYPE: commands.WITH_DATASET,
            commands.AFFECTED_SOP_INSTANCE_UID: uid,
        }
    )


def send_at_once(target: Target, sop_class: str, studies: list[list[tuple[str, bytes]]]) -> tuple[float, list[Sent]]:
    """Each study on an association and in a process of its own, all beginning together; seconds from the beginning to
    the last answer, and what each brought."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(len(studies) + 1)
    answers: Any = context.Queue()
    workers = [
        context.Process(target=_work, args=(target, sop_class, one, ready.wait, answers.put), daemon=True)
        for one in studies
    ]
    for worker in workers:
        worker.start()
    ready.wait(_WAIT)
    began = time.perf_counter()
    results = [answers.get(timeout=_WAIT) for _ in workers]
    for worker in workers:
        worker.join()
    failed = [result for result in results if isinstance(result, str)]
    if failed:
        raise RuntimeError(failed[0])
    return max(ended for ended, _ in results) - began, [sent for _, sent in results]


def _work(
    target: Target,
    sop_class: str,
    instances: list[tuple[str, bytes]],
    wait: Callable[[float], int],
    put: Callable[[object], None],
) -> None:
    waited = False
    try:
        sender = Sender(target, sop_class)
        messages = [message(sop_class, uid, data, sender.longest) for uid, data in instances]
        wait(_WAIT)
        waited = True
        seconds = []
        for one in messages:
            began = time.perf_counter()
            sender.send(one)
            seconds.append(time.perf_counter() - began)
        ended = time.perf_counter()
        sender.release()
        put((ended, Sent(tuple(seconds), sum(len(data) for _, data in instances))))
    except Exception as error:
        if not waited:
            wait(_WAIT)
        put(f"{type(error).__name__}: {error}")


def _request(called: str, sop_class: str) -> bytes:
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = LONGEST_PDU
    implementation.implementation_class_uid = "2.25.1"
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = CALLING, called
    context = build_context(sop_class, EXPLICIT)
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    primitive.user_information = [longest, implementation]
    request = A_ASSOCIATE_RQ()
    request.from_primitive(primitive)
    return request.encode()
