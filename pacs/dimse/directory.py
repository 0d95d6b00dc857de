"""Who may call us: the peers of the index, in memory, read again when somebody calls and they are a second old."""

import logging
import socket
import threading
import time

from pacs.dimse.admission import Network, address_of, network_of
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import peers
from storage.index.database import Database
from storage.model.people import Peer

log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
REMEMBERED_SECONDS = 900.0
AGAIN_SECONDS = 0.1  # between readings because of names we do not know
RESOLVED_SECONDS = 30.0
TOUCH_SECONDS = 5.0


class Directory:
    """The peers, by AE title. Thread safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._peers: dict[str, Peer] = {}
        self._networks: tuple[Network, ...] = ()
        self._read_at = self._read_well_at = float("-inf")
        self._resolved: dict[str, tuple[float, frozenset[str]]] = {}
        self._touched: dict[tuple[str, bool], float] = {}
        self._wanted = threading.Event()

    def start(self) -> None:
        """Read the peers in a thread of our own, now and when somebody calls and they are old."""
        self._wanted.set()
        threading.Thread(target=self._keep_fresh, name="directory", daemon=True).start()

    def find(self, ae_title: str) -> Peer | None:
        """The peer of this AE title as it is in the index, at most a second ago; one that was just added is found.
        Strangers wait for that: however many ask, the index is read ten times a second."""
        asked_at = time.monotonic()
        if asked_at - self._read_at < FRESH_SECONDS and ae_title in self._peers:
            return self._peers[ae_title]
        with self._reading:
            if self._read_at < asked_at:
                if ae_title not in self._peers:
                    time.sleep(max(self._read_at + AGAIN_SECONDS - time.monotonic(), 0))
                self._read(ae_title)
        return self._peers.get(ae_title)

    def refresh(self) -> None:
        """Read the peers and what their names resolve to, for `knows`."""
        try:
            with self._reading:
                if time.monotonic() - self._read_at >= FRESH_SECONDS:
                    self._read("")
        except ArchiveError as error:
            log.warning("cannot read the peers: %s", error)
        for peer in list(self._peers.values()):
            if peer.host and network_of(peer.host) is None:
                self._addresses(peer.host)

    def knows(self, address: str) -> bool:
        """Whether some peer calls from this address, as far as memory tells; never waits."""
        if time.monotonic() - self._read_at >= FRESH_SECONDS:
            self._wanted.set()
        caller = address_of(address)
        if caller is None:
            return False
        text = str(caller)
        if any(text in found for _, found in list(self._resolved.values())):
            return True
        return any(caller in network for network in self._networks)

    def hospital_of(self, ae_title: str) -> int | None:
        """Whose peer this is, from memory."""
        peer = self._peers.get(ae_title)
        return None if peer is None else peer.hospital_id

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

    def _keep_fresh(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            self.refresh()

    def _read(self, ae_title: str) -> None:
        """While the index is away, those who were known a while ago may associate: they hear from each service, with
        a status that makes them try again, that it is away."""
        try:
            with self._database.reading() as db:
                self._peers = {peer.ae_title: peer for peer in peers.all(db)}
            self._read_well_at = time.monotonic()
            self._note_where()
        except StorageUnavailable:
            if ae_title not in self._peers or time.monotonic() - self._read_well_at > REMEMBERED_SECONDS:
                raise
        self._read_at = time.monotonic()

    def _note_where(self) -> None:
        networks = (network_of(peer.host) for peer in self._peers.values())
        self._networks = tuple({network for network in networks if network is not None})
        hosts = {peer.host for peer in self._peers.values()}
        self._resolved = {host: found for host, found in list(self._resolved.items()) if host in hosts}

    def _addresses(self, host: str) -> frozenset[str]:
        now = time.monotonic()
        known = self._resolved.get(host)
        if known is not None and now - known[0] < RESOLVED_SECONDS:
            return known[1]
        try:
            found = {str(address_of(str(entry[4][0]))) for entry in socket.getaddrinfo(host, None)}
        except OSError:
            log.warning("the host name of a peer does not resolve: %s", host)
            found = set() if known is None else set(known[1])  # what it was before the name server failed
        self._resolved[host] = now, frozenset(found)
        return frozenset(found)
