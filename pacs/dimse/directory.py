"""Who may call us: the peers of the index, read again at most once a second, and a note of those who may not."""

import logging
import socket
import threading
import time

from pacs.dimse.admission import address_of, network_of
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import hospitals, peers
from storage.index.database import Database
from storage.model.people import Peer

log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
REMEMBERED_SECONDS = 900.0
RESOLVED_SECONDS = 30.0
TOUCH_SECONDS = 5.0
REFUSALS_AT_ONCE = 50  # noted; more are only logged, so that a flood cannot fill the index
REFUSALS_A_SECOND = 1.0


class Directory:
    """The peers, by AE title. Thread safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._peers: dict[str, Peer] = {}
        self._read_at = self._read_well_at = float("-inf")
        self._resolved: dict[str, tuple[float, frozenset[str]]] = {}
        self._touched: dict[tuple[str, bool], float] = {}
        self._allowance = float(REFUSALS_AT_ONCE)
        self._allowance_at = time.monotonic()

    def find(self, ae_title: str) -> Peer | None:
        """The peer of this AE title as it is in the index, at most a second ago; one that was just added is found."""
        with self._lock:
            if ae_title not in self._peers or time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._read(ae_title)
            return self._peers.get(ae_title)

    def _read(self, ae_title: str) -> None:
        """While the index is away, those who were known a while ago may associate: they hear from each service, with
        a status that makes them try again, that it is away."""
        try:
            with self._database.reading() as db:
                self._peers = {peer.ae_title: peer for peer in peers.all(db)}
            self._read_well_at = time.monotonic()
        except StorageUnavailable:
            if ae_title not in self._peers or time.monotonic() - self._read_well_at > REMEMBERED_SECONDS:
                raise
        self._read_at = time.monotonic()

    def calls_from(self, peer: Peer, address: str) -> bool:
        """Whether `address` is where this peer calls from: an address, a network, or what its name resolves to."""
        caller = address_of(address)
        if caller is None or not peer.host:
            return False
        network = network_of(peer.host)
        return caller in network if network is not None else str(caller) in self._addresses(peer.host)

    def touch(self, peer: Peer, *, stored: bool = False) -> None:
        """Note that the peer called, or that it stored something; at most every few seconds."""
        now = time.monotonic()
        with self._lock:
            if now - self._touched.get((peer.ae_title, stored), -TOUCH_SECONDS) < TOUCH_SECONDS:
                return
            self._touched[peer.ae_title, stored] = now
        try:
            with self._database.writing() as db:
                peers.touch(db, peer.ae_title, stored=stored)
        except ArchiveError as error:
            log.warning("could not note that %s called: %s", peer.ae_title, error)

    def refuse(self, calling: str, called: str, address: str, reason: str) -> None:
        """Keep a refusal for the administrator to see."""
        log.warning("refused %s calling %s from %s: %s", calling, called, address, reason)
        if not self._may_note():
            return
        try:
            peer = self.find(calling)
            with self._database.writing() as db:
                concerned = {peer.hospital_id} if peer is not None else {h.id for h in hospitals.all(db)}
                peers.refused(db, calling, called, address, reason, frozenset(concerned))
        except ArchiveError as error:
            log.warning("could not note the refusal: %s", error)

    def _may_note(self) -> bool:
        with self._lock:
            now = time.monotonic()
            grown = self._allowance + (now - self._allowance_at) * REFUSALS_A_SECOND
            self._allowance, self._allowance_at = min(grown, float(REFUSALS_AT_ONCE)), now
            if self._allowance < 1:
                return False
            self._allowance -= 1
            return True

    def _addresses(self, host: str) -> frozenset[str]:
        now = time.monotonic()
        known = self._resolved.get(host)
        if known is not None and now - known[0] < RESOLVED_SECONDS:
            return known[1]
        try:
            found = {str(address_of(str(entry[4][0]))) for entry in socket.getaddrinfo(host, None)}
        except OSError:
            log.warning("the host name of a peer does not resolve: %s", host)
            found = set()
        self._resolved[host] = now, frozenset(found)
        return frozenset(found)
