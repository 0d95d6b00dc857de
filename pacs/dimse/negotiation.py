"""The A-ASSOCIATE exchange as acceptor, with pynetdicom's PDUs behind our own limits."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pynetdicom import pdu as pdus
from pynetdicom.pdu_items import UserInformationItem
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
)
from pynetdicom.presentation import PresentationContext

from pacs.association.contexts import (
    APPLICATION_CONTEXT,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Context,
)
from pacs.association.endings import INVALID_PARAMETER, ProtocolError
from pacs.dimse.sop_classes import Service, service_of
from pacs.send.negotiation import user_information

MAX_CONTEXTS = 128
MAX_TRANSFER_SYNTAXES = 64  # of one context
MAX_USER_ITEMS = 512
UNCOMPRESSED = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)

ACCEPTED, USER_REJECTION, ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED = 0, 1, 3, 4
_VARIABLE_ITEMS = 74
_ITEM = struct.Struct(">BxH")
_APPLICATION_CONTEXT, _CONTEXT, _ABSTRACT_SYNTAX, _TRANSFER_SYNTAX, _USER_INFORMATION = 0x10, 0x20, 0x30, 0x40, 0x50


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as the peer proposes it."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What an A-ASSOCIATE-RQ asks for. `roles` are (SCU, SCP) by SOP Class, `extended` is PS3.7 D.3.3.5."""

    protocol_version: int
    calling: str
    called: str
    application_context: str
    contexts: tuple[ProposedContext, ...]
    roles: dict[str, tuple[bool, bool]]
    extended: dict[str, bytes]
    max_pdu: int
    implementation: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Our answer: the contexts in which something can be done, what the peer was told, and what was extended."""

    contexts: dict[int, Context]
    results: tuple[tuple[ProposedContext, int, str], ...]  # with the result and the transfer syntax
    roles: dict[str, tuple[bool, bool]]
    extended: dict[str, bytes]


def ae_titles(data: bytes) -> tuple[str, str]:
    """Calling and called AE title of an A-ASSOCIATE-RQ that is at least as long as its fixed part."""
    return _title(data[26:42]), _title(data[10:26])


def decode_request(data: bytes) -> AssociationRequest:
    """The request in an A-ASSOCIATE-RQ PDU, or ProtocolError."""
    _check(data)
    request = pdus.A_ASSOCIATE_RQ()
    try:
        request.decode(data)
        information = request.user_information
        contexts = tuple(
            ProposedContext(
                item.presentation_context_id or 0,
                str(item.abstract_syntax or ""),
                tuple(str(syntax) for syntax in item.transfer_syntax if syntax),
            )
            for item in request.presentation_context
        )
        roles = {} if information is None else _roles(information)
        extended = {} if information is None else _extended(information)
        max_pdu = 0 if information is None else information.maximum_length or 0
        version = None if information is None else information.implementation_version_name
    except Exception as error:  # pynetdicom raises whatever it stumbles over
        raise ProtocolError("an A-ASSOCIATE-RQ that cannot be read", INVALID_PARAMETER) from error
    ids = [context.context_id for context in contexts]
    if len(set(ids)) != len(ids) or not all(number % 2 for number in ids):
        raise ProtocolError("presentation context ids that are even or used twice", INVALID_PARAMETER)
    calling, called = ae_titles(data)
    return AssociationRequest(
        request.protocol_version,
        calling,
        called,
        str(request.application_context_name or ""),
        contexts,
        roles,
        extended,
        max_pdu,
        str(version or ""),
    )


def agree(request: AssociationRequest, allow: frozenset[str]) -> Agreement:
    """What of the request a peer with these rights gets."""
    contexts: dict[int, Context] = {}
    results: list[tuple[ProposedContext, int, str]] = []
    roles: dict[str, tuple[bool, bool]] = {}
    extended: dict[str, bytes] = {}
    for proposed in request.contexts:
        service = service_of(proposed.abstract_syntax)
        result, syntax = _transfer_syntax(service, proposed.transfer_syntaxes)
        as_scu, as_scp = _our_roles(service, request.roles.get(proposed.abstract_syntax), allow)
        if result == ACCEPTED and not (as_scu or as_scp):
            result = USER_REJECTION
        if result == ACCEPTED:
            contexts[proposed.context_id] = Context(
                proposed.context_id, proposed.abstract_syntax, syntax, as_scu=as_scu, as_scp=as_scp
            )
            if proposed.abstract_syntax in request.roles:
                roles[proposed.abstract_syntax] = (as_scp, as_scu)
            if service in (Service.FIND, Service.MOVE, Service.GET) and proposed.abstract_syntax in request.extended:
                extended[proposed.abstract_syntax] = _extended_answer(
                    service, request.extended[proposed.abstract_syntax]
                )
        results.append((proposed, result, syntax))
    return Agreement(contexts, tuple(results), roles, extended)


def encode_accept(request: AssociationRequest, agreement: Agreement, max_pdu: int) -> bytes:
    """The A-ASSOCIATE-AC."""
    accept = A_ASSOCIATE()
    accept.application_context_name = APPLICATION_CONTEXT
    accept.calling_ae_title = request.calling
    accept.called_ae_title = request.called
    accept.result = 0
    accept.result_source = 1
    accept.presentation_context_definition_results_list = [
        _result(proposed.context_id, result, syntax) for proposed, result, syntax in agreement.results
    ]
    items = user_information(max_pdu)
    for sop_class, (scu, scp) in agreement.roles.items():
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid = sop_class
        role.scu_role, role.scp_role = scu, scp
        items.append(role)
    for sop_class, information in agreement.extended.items():
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid = sop_class
        item.service_class_application_information = information
        items.append(item)
    accept.user_information = items
    return bytes(pdus.A_ASSOCIATE_AC(accept).encode())


def _transfer_syntax(service: Service, proposed: tuple[str, ...]) -> tuple[int, str]:
    """For objects the first one: it is what the peer has, and we keep it as it is. For messages what we can write."""
    fallback = proposed[0] if proposed else IMPLICIT_LITTLE
    if service is Service.NONE:
        return ABSTRACT_SYNTAX_NOT_SUPPORTED, fallback
    if service is Service.STORAGE:
        return (ACCEPTED if proposed else TRANSFER_SYNTAXES_NOT_SUPPORTED), fallback
    usable = next((syntax for syntax in proposed if syntax in UNCOMPRESSED), None)
    return (ACCEPTED, usable) if usable else (TRANSFER_SYNTAXES_NOT_SUPPORTED, fallback)


def _our_roles(service: Service, proposed: tuple[bool, bool] | None, allow: frozenset[str]) -> tuple[bool, bool]:
    """Whether we are SCU and SCP in a context (PS3.7 D.3.3.4); without a proposal the peer is SCU."""
    peer_scu, peer_scp = proposed or (True, False)
    if service is Service.STORAGE:
        return peer_scp and "retrieve" in allow, peer_scu and "store" in allow
    if service is Service.FIND:
        return False, peer_scu and "query" in allow
    if service in (Service.MOVE, Service.GET):
        return False, peer_scu and "retrieve" in allow
    return False, peer_scu


def _extended_answer(service: Service, asked: bytes) -> bytes:
    """Relational queries and retrievals, and fuzzy matching of names, as asked; the rest is not supported
    (PS3.4 C.5.1.1, C.5.2.1)."""
    relational = asked[:1] == b"\1"
    if service is not Service.FIND or len(asked) < 3:
        return bytes([relational]) + bytes(len(asked) - 1 if asked else 0)
    return bytes([relational, 0, asked[2] == 1]) + bytes(len(asked) - 3)


def _result(context_id: int, result: int, syntax: str) -> PresentationContext:
    context = PresentationContext()
    context.context_id = context_id
    context.result = result
    context.transfer_syntax = [syntax]
    return context


def _roles(information: UserInformationItem) -> dict[str, tuple[bool, bool]]:
    return {
        str(item.sop_class_uid): (bool(item.scu_role), bool(item.scp_role))
        for item in information.role_selection.values()
    }


def _extended(information: UserInformationItem) -> dict[str, bytes]:
    return {
        str(item.sop_class_uid): bytes(item.service_class_application_information or b"")
        for item in information.ext_neg
    }


def _check(data: bytes) -> None:
    """Refuse what is malformed or over the limits before anything is built from it."""
    if len(data) < _VARIABLE_ITEMS or not data[10:42].isascii():
        raise ProtocolError("an A-ASSOCIATE-RQ that cannot be read", INVALID_PARAMETER)
    contexts = 0
    for kind, first, last in _items(data, _VARIABLE_ITEMS, len(data)):
        if kind == _CONTEXT:
            contexts += 1
            syntaxes = sum(1 for _ in _ascii_items(data, first + 4, last))
            if contexts > MAX_CONTEXTS or syntaxes > MAX_TRANSFER_SYNTAXES + 1:
                raise ProtocolError("too many presentation contexts", INVALID_PARAMETER)
        elif kind == _USER_INFORMATION:
            if sum(1 for _ in _items(data, first, last)) > MAX_USER_ITEMS:
                raise ProtocolError("too many user information items", INVALID_PARAMETER)
        elif kind != _APPLICATION_CONTEXT or not data[first:last].isascii():
            raise ProtocolError("an A-ASSOCIATE-RQ that cannot be read", INVALID_PARAMETER)


def _items(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Type, first and last + 1 byte of every item."""
    while position < end:
        if position + 4 > end:
            raise ProtocolError("an item that ends too early", INVALID_PARAMETER)
        kind, length = _ITEM.unpack_from(data, position)
        position += 4
        if position + length > end:
            raise ProtocolError("an item that ends too early", INVALID_PARAMETER)
        yield kind, position, position + length
        position += length


def _ascii_items(data: bytes, position: int, end: int) -> Iterator[int]:
    for kind, first, last in _items(data, position, end):
        if kind not in (_ABSTRACT_SYNTAX, _TRANSFER_SYNTAX) or not data[first:last].isascii() or last - first > 65:
            raise ProtocolError("a syntax that is no UID", INVALID_PARAMETER)
        yield kind


def _title(data: bytes) -> str:
    text = data.decode("ascii", "replace").strip(" \0")
    return "".join(character if " " <= character <= "~" else "?" for character in text)
