"""TLS under DICOM (PS3.15 Annex B, BCP 195): contexts from files, read again when the files change.

TLS 1.2 with the four suites RFC 9325 §4.2 names, and TLS 1.3. No tickets and no renegotiation: every connection shows
its certificate anew, so one that is no longer trusted is not let in by an earlier session.
"""

import hashlib
import logging
import os
import ssl
import threading
import time
from dataclasses import dataclass

from pacs.config import DicomConfig
from pacs.errors import ConfigError

log = logging.getLogger(__name__)

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
FRESH_SECONDS = 1.0  # between looks at the files
REQUIRED, OPTIONAL, NONE = "required", "optional", "none"
_VERIFY = {REQUIRED: ssl.CERT_REQUIRED, OPTIONAL: ssl.CERT_OPTIONAL, NONE: ssl.CERT_NONE}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: our certificate with its chain, its key, and whom we trust (authorities, or peers' certificates)."""

    certificate: str
    key: str
    trusted: str

    def signature(self) -> tuple[tuple[int, int, int], ...]:
        """Changes whenever one of the files does."""
        return tuple(_signature(path) for path in (self.certificate, self.key, self.trusted) if path)


class TlsCredentials:
    """Contexts for both directions, made anew when the files have changed and can be read. Thread safe."""

    def __init__(self, files: TlsFiles, client: str = REQUIRED) -> None:
        """`client`: whether callers must show a certificate. OSError when the files are not usable."""
        self._files = files
        self._client = client
        self._lock = threading.Lock()
        self._looked_at = time.monotonic()
        self._signature = files.signature()
        self._server, self._requestor, self._pinned = self._load()

    def server(self) -> ssl.SSLContext:
        """For connections we accept."""
        with self._lock:
            self._look()
            return self._server

    def requestor(self, pinned: bool = False) -> ssl.SSLContext:
        """For connections we make. The peer's certificate must be trusted and name its host; `pinned`: anything is let
        through, and whoever asked compares the fingerprint."""
        with self._lock:
            self._look()
            return self._pinned if pinned else self._requestor

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < FRESH_SECONDS:
            return
        self._looked_at = now
        signature = self._files.signature()
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._server, self._requestor, self._pinned = self._load()
        except OSError as error:
            log.error("the changed TLS files cannot be used, the former stay: %s", error)
            return
        log.info("TLS files read again")

    def _load(self) -> tuple[ssl.SSLContext, ssl.SSLContext, ssl.SSLContext]:
        server = _context(ssl.PROTOCOL_TLS_SERVER)
        server.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
        server.num_tickets = 0
        server.verify_mode = _VERIFY[self._client]
        requestor = _context(ssl.PROTOCOL_TLS_CLIENT)
        pinned = _context(ssl.PROTOCOL_TLS_CLIENT)
        pinned.check_hostname = False
        pinned.verify_mode = ssl.CERT_NONE
        for context in (server, requestor, pinned):
            context.load_cert_chain(self._files.certificate, self._files.key or None, password=_no_password)
            if self._files.trusted:
                context.load_verify_locations(self._files.trusted)
        return server, requestor, pinned


def credentials_of(config: DicomConfig) -> TlsCredentials | None:
    """What we show and trust, towards callers and towards peers; None when nothing is configured. ConfigError when the
    files cannot be used."""
    if not config.tls_certificate:
        return None
    files = TlsFiles(config.tls_certificate, config.tls_key, config.tls_trusted)
    try:
        return TlsCredentials(files, config.tls_client)
    except OSError as error:
        raise ConfigError(f"dicom.tls_certificate, tls_key, tls_trusted: cannot be used: {error}") from error


def fingerprint(connection: object) -> str:
    """SHA-256 in hex of the certificate the other side has shown; "" when there is none."""
    if not isinstance(connection, ssl.SSLSocket):
        return ""
    shown = connection.getpeercert(binary_form=True)
    return hashlib.sha256(shown).hexdigest() if shown else ""


def certificate_fingerprint(pem: str) -> str:
    """SHA-256 in hex of the first certificate in this text; ValueError when there is none."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first, last = pem.find(begin), pem.find(end)
    if not 0 <= first < last:
        raise ValueError("no certificate in PEM form")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[first : last + len(end)])).hexdigest()


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST
    return context


def _no_password() -> str:
    """A key with a password must not stop a start that nobody watches: it cannot be read instead."""
    return ""


def _signature(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino
