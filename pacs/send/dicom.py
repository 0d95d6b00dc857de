"""C-ECHO and C-STORE as SCU towards a peer (PS3.4 Annexes A and B)."""

import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

from pacs.archive import Archive
from pacs.association.contexts import EXPLICIT_LITTLE, IMPLICIT_LITTLE, VERIFICATION
from pacs.association.endings import AssociationEnd
from pacs.association.tls import TlsCredentials
from pacs.errors import PeerUnreachable
from pacs.send.negotiation import Proposal
from pacs.send.requestor import RequestedAssociation, request
from pacs.send.store import Originator, StoreScu
from storage.model.archive import Instance
from storage.model.people import Peer

MAX_CONTEXTS = 128
UNCOMPRESSED = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)


def echo(peer: Peer, own_ae: str, timeout: float = 10.0, credentials: TlsCredentials | None = None) -> float:
    """C-ECHO to `peer`: the milliseconds from connect to answer. PeerUnreachable says what went wrong."""
    started = time.monotonic()
    proposals = (Proposal(VERIFICATION, (IMPLICIT_LITTLE, EXPLICIT_LITTLE)),)
    association = request(
        peer, own_ae, proposals, connect_seconds=timeout, answer_seconds=timeout, credentials=credentials
    )
    try:
        with association:
            if not association.contexts:
                raise PeerUnreachable(f"{peer.ae_title} does not accept Verification")
            status = association.echo(next(iter(association.contexts.values())))
            elapsed = (time.monotonic() - started) * 1000
    except AssociationEnd as end:
        raise PeerUnreachable(f"{peer.ae_title} ended the association: {end}") from end
    if status != 0:
        raise PeerUnreachable(f"{peer.ae_title} answered C-ECHO with status {status:04X}")
    return elapsed


class Sender:
    """C-STORE of stored instances to one peer over one association. A context manager."""

    def __init__(
        self, peer: Peer, association: RequestedAssociation, archive: Archive, originator: Originator | None = None
    ) -> None:
        self._peer = peer
        self._association = association
        self._scu = StoreScu(association.stream, association.contexts, archive, association.next_message_id, originator)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._scu.close()
        self._association.__exit__(kind, error, at)

    def expect(self, instances: Sequence[Instance]) -> None:
        """These will be sent, in this order."""
        self._scu.expect(instances)

    def send(self, instance: Instance) -> int:
        """C-STORE one instance; the status of the answer. PeerUnreachable: the association broke; another ArchiveError:
        this instance cannot be sent, others may."""
        try:
            return self._scu.send(instance)
        except AssociationEnd as end:
            raise PeerUnreachable(f"the association with {self._peer.ae_title} broke: {end}") from end


def open_sender(
    peer: Peer,
    own_ae: str,
    instances: Iterable[Instance],
    archive: Archive,
    originator: Originator | None = None,
    credentials: TlsCredentials | None = None,
) -> Sender:
    """An association with `peer` that can carry `instances` (one group of `groups`)."""
    association = request(peer, own_ae, proposals(instances), credentials=credentials)
    return Sender(peer, association, archive, originator)


def proposals(instances: Iterable[Instance]) -> list[Proposal]:
    """The stored transfer syntax of every SOP Class first, alone in its context, then what we can convert it to."""
    stored: dict[tuple[str, str], None] = {}
    for instance in instances:
        stored[instance.facts.sop_class_uid, instance.facts.transfer_syntax_uid] = None
    classes = dict.fromkeys(sop_class for sop_class, _ in stored)
    return [
        *(Proposal(sop_class, (syntax,)) for sop_class, syntax in stored),
        *(
            Proposal(sop_class, (syntax,))
            for sop_class in classes
            for syntax in UNCOMPRESSED
            if (sop_class, syntax) not in stored
        ),
    ][:MAX_CONTEXTS]


def groups(instances: Iterable[Instance]) -> Iterator[list[Instance]]:
    """Instances in groups whose proposals fit into one association, order kept."""
    group: list[Instance] = []
    pairs: set[tuple[str, str]] = set()
    for instance in instances:
        sop_class = instance.facts.sop_class_uid
        needed = {(sop_class, instance.facts.transfer_syntax_uid), *((sop_class, syntax) for syntax in UNCOMPRESSED)}
        if group and len(pairs | needed) > MAX_CONTEXTS:
            yield group
            group, pairs = [], set()
        pairs |= needed
        group.append(instance)
    if group:
        yield group
