"""A-ASSOCIATE-RQ PDUs as pynetdicom would send them, for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from pynetdicom import pdu as pdus
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
)
from pynetdicom.presentation import build_context

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT, JPEG_LOSSLESS = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"


def association_request(
    contexts: Sequence[tuple[str, Sequence[str]]],
    *,
    calling: str = "TEST",
    called: str = "HOICHAN",
    roles: Mapping[str, tuple[bool, bool]] | None = None,
    extended: Mapping[str, bytes] | None = None,
    max_pdu: int = 16384,
) -> bytes:
    """An A-ASSOCIATE-RQ with these contexts, ids 1, 3, 5 …"""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling, called
    proposed = []
    for number, (abstract_syntax, syntaxes) in enumerate(contexts):
        context = build_context(abstract_syntax, list(syntaxes))
        context.context_id = 2 * number + 1
        proposed.append(context)
    request.presentation_context_definition_list = proposed
    length, uid = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = max_pdu
    uid.implementation_class_uid = "1.2.3.4"
    items: list[Any] = [length, uid]
    for sop_class, (scu, scp) in (roles or {}).items():
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = sop_class, scu, scp
        items.append(role)
    for sop_class, information in (extended or {}).items():
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = sop_class, information
        items.append(item)
    request.user_information = items
    return bytes(pdus.A_ASSOCIATE_RQ(request).encode())
