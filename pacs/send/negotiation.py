"""The A-ASSOCIATE exchange as requestor, with pynetdicom's PDUs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom import pdu as pdus
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext

from pacs.association.contexts import (
    APPLICATION_CONTEXT,
    Context,
)
from pacs.association.endings import INVALID_PARAMETER, ProtocolError
from pacs.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context we propose."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    as_scp: bool = False  # we want to be SCP in it, and not SCU (PS3.7 D.3.3.4)


def encode_request(calling: str, called: str, proposals: Sequence[Proposal], max_pdu: int) -> bytes:
    """The A-ASSOCIATE-RQ; the context id of proposal *n* (from 0) is ``2n + 1``."""
    request = A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.calling_ae_title = calling
    request.called_ae_title = called
    request.presentation_context_definition_list = [
        _context(2 * number + 1, proposal) for number, proposal in enumerate(proposals)
    ]
    request.user_information = [*user_information(max_pdu), *_roles(proposals)]
    return bytes(pdus.A_ASSOCIATE_RQ(request).encode())


def decode_accept(data: bytes, proposals: Sequence[Proposal]) -> tuple[dict[int, Context], int]:
    """The contexts an A-ASSOCIATE-AC accepts, and the longest PDU the peer takes. A peer that says nothing of the SCP
    role we proposed is taken at its word that it accepts the context: many speak no role selection."""
    accept = pdus.A_ASSOCIATE_AC()
    try:
        accept.decode(data)
        information = accept.user_information
        longest = (information.maximum_length or 0) if information is not None else 0
        answers = [(item.context_id, item.result, item.transfer_syntax) for item in accept.presentation_context]
    except Exception as error:  # pynetdicom raises whatever it stumbles over
        raise ProtocolError("an A-ASSOCIATE-AC that cannot be read", INVALID_PARAMETER) from error
    contexts: dict[int, Context] = {}
    for context_id, result, transfer_syntax in answers:
        if context_id is None:
            continue
        number = (context_id - 1) // 2
        if result == 0 and transfer_syntax and 0 <= number < len(proposals):
            proposal = proposals[number]
            contexts[context_id] = Context(
                context_id,
                proposal.abstract_syntax,
                str(transfer_syntax),
                as_scu=not proposal.as_scp,
                as_scp=proposal.as_scp,
            )
    return contexts, longest


def user_information(max_pdu: int) -> list[Any]:
    """The items every A-ASSOCIATE of ours carries (PS3.7 D.3.3)."""
    length = MaximumLengthNotification()
    length.maximum_length_received = max_pdu
    uid = ImplementationClassUIDNotification()
    uid.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [length, uid, version]


def _roles(proposals: Sequence[Proposal]) -> Iterator[SCP_SCU_RoleSelectionNegotiation]:
    for sop_class in dict.fromkeys(proposal.abstract_syntax for proposal in proposals if proposal.as_scp):
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid = sop_class
        role.scu_role, role.scp_role = False, True
        yield role


def _context(context_id: int, proposal: Proposal) -> PresentationContext:
    context = PresentationContext()
    context.context_id = context_id
    context.abstract_syntax = proposal.abstract_syntax
    context.transfer_syntax = list(proposal.transfer_syntaxes)
    return context
