"""Storage commitment in the background: check what was asked for, then tell the peer on an association of our own.

One task for each request. What it does depends on the state of the request alone, so it may be done again after any
crash; when to try again is counted in the request, not in the task, and lasts longer than a task's own tries.
"""

import ipaddress
import logging
import random
from collections.abc import Callable
from dataclasses import replace

from pacs.archive import Archive
from pacs.association.tls import TlsCredentials
from pacs.errors import PeerUnreachable
from pacs.jobs.endings import Stopping
from pacs.send.commitment import report
from pacs.verifying import commit
from storage.errors import NotFound, StorageUnavailable
from storage.index import commitments, peers
from storage.model.commitment import CHECKED, REQUESTED, Commitment, FailureReason, Reference
from storage.model.people import Peer

log = logging.getLogger(__name__)

GRACE_SECONDS = 4.0  # for the association that asked to take the result itself
HELD_SECONDS = 20.0  # until we look again whether it did
LEASE_SECONDS = 300.0  # longer than any peer may take to answer
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 900.0
CHECKING_MS = 24 * 3600 * 1000  # a store that does not answer for so long cannot answer for anything
TELLING_MS = 48 * 3600 * 1000  # a peer that cannot be told for so long is not told


class Commitments:
    """Does the next thing for a request."""

    def __init__(
        self,
        archive: Archive,
        own_ae: str,
        stopping: Callable[[], bool],
        credentials: TlsCredentials | None = None,
    ) -> None:
        self._archive = archive
        self._own_ae = own_ae
        self._credentials = credentials
        self._stopping = stopping

    def do(self, commitment_id: int) -> None:
        """Check or report, and see to what comes after."""
        with self._archive.database.reading() as db:
            commitment = commitments.get(db, commitment_id)
        if commitment.state == REQUESTED:
            self._check(commitment)
        elif commitment.state == CHECKED:
            self._report(commitment)

    def _check(self, commitment: Commitment) -> None:
        archive = self._archive
        try:
            result = commit(
                archive.database, archive.objects, commitment.hospital_id, commitment.references, self._between
            )
        except StorageUnavailable as error:
            if archive.clock() - commitment.requested_at < CHECKING_MS:
                with archive.database.writing() as db:
                    commitments.not_checked(db, commitment.id, str(error))
                    commitments.ask(db, commitment.id, pause(commitment.tries))
                return
            result = [_unknown(one) for one in commitment.references]
        with archive.database.writing() as db:
            commitments.checked(db, commitment.id, result)
            commitments.ask(db, commitment.id, GRACE_SECONDS)
        failed = sum(1 for one in result if one.reason)
        log.info("storage commitment for %s: %d checked, %d failed", commitment.ae_title, len(result), failed)

    def _report(self, commitment: Commitment) -> None:
        database = self._archive.database
        with database.writing() as db:
            token = commitments.claim(db, commitment.id, LEASE_SECONDS)
            if not token:
                commitments.ask(db, commitment.id, HELD_SECONDS)
                return
        try:
            report(self._peer(commitment), self._own_ae, commitment, self._credentials)
        except PeerUnreachable as error:
            late = self._archive.clock() - (commitment.checked_at or 0) > TELLING_MS
            with database.writing() as db:
                commitments.not_reported(db, commitment.id, token, str(error), give_up=late)
                if not late:
                    commitments.ask(db, commitment.id, pause(commitment.tries))
            log.warning("storage commitment not reported%s: %s", ", given up" if late else "", error)
            return
        with database.writing() as db:
            commitments.reported(db, commitment.id, token)
        log.info("storage commitment reported to %s on a new association", commitment.ae_title)

    def _peer(self, commitment: Commitment) -> Peer:
        """Where the peer listens now. One that is a whole network is where the request came from."""
        try:
            with self._archive.database.reading() as db:
                peer = peers.get(db, commitment.ae_title)
        except NotFound as error:
            raise PeerUnreachable(f"{commitment.ae_title} is no longer a peer") from error
        if peer.hospital_id != commitment.hospital_id:
            raise PeerUnreachable(f"{commitment.ae_title} belongs to another hospital now")
        return replace(peer, host=commitment.address) if _is_network(peer.host) and commitment.address else peer

    def _between(self) -> None:
        if self._stopping():
            raise Stopping("the worker is stopping")


def pause(tries: int) -> float:
    """Seconds to the next try: 10, 20, 40 … and a quarter of an hour at most, give or take a quarter."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 20)) * (0.75 + random.random() / 2)


def _unknown(reference: Reference) -> Reference:
    reason = int(FailureReason.RESOURCE_LIMITATION)
    return Reference(reference.sop_class_uid, reference.sop_instance_uid, reason)


def _is_network(host: str) -> bool:
    try:
        return ipaddress.ip_network(host, strict=False).num_addresses > 1
    except ValueError:
        return not host
