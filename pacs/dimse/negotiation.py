"""What we agree to of an association request, and the A-ASSOCIATE-AC that says so, with pynetdicom's PDUs."""

from dataclasses import dataclass

from pynetdicom import pdu as pdus
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
from pacs.dimse.request import AssociationRequest, ProposedContext
from pacs.dimse.sop_classes import Service, service_of
from pacs.send.negotiation import user_information

FIND_EXTENSIONS = 4  # relational, combined date and time, fuzzy names, time zone
UNCOMPRESSED = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)

ACCEPTED, USER_REJECTION, ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED = 0, 1, 3, 4


@dataclass(frozen=True, slots=True)
class Agreement:
    """Our answer: the contexts in which something can be done, what the peer was told, and what was extended."""

    contexts: dict[int, Context]
    results: tuple[tuple[ProposedContext, int, str], ...]  # with the result and the transfer syntax
    roles: dict[str, tuple[bool, bool]]
    extended: dict[str, bytes]


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
    if service is Service.COMMITMENT:  # who may store may ask whether it was stored
        return False, peer_scu and "store" in allow
    if service is Service.FIND:
        return False, peer_scu and "query" in allow
    if service in (Service.MOVE, Service.GET):
        return False, peer_scu and "retrieve" in allow
    return False, peer_scu


def _extended_answer(service: Service, asked: bytes) -> bytes:
    """Relational queries and retrievals, combined matching of dates and times, fuzzy matching of names and time zones,
    as asked; the rest is not supported (PS3.4 C.5.1.1, C.5.2.1)."""
    known = FIND_EXTENSIONS if service is Service.FIND else 1
    return bytes(byte == 1 for byte in asked[:known]) + bytes(max(len(asked) - known, 0))


def _result(context_id: int, result: int, syntax: str) -> PresentationContext:
    context = PresentationContext()
    context.context_id = context_id
    context.result = result
    context.transfer_syntax = [syntax]
    return context
