"""Small secrets at rest: AES-256-GCM under a key derived from that of the installation, bound to what they are for."""

import base64
import binascii
import logging
import os

from Crypto.Cipher import AES

log = logging.getLogger(__name__)

_MARK = "g1:"
_NONCE, _TAG = 12, 16


class Sealing:
    """Seals and opens; `context` says whose secret it is, and what was sealed for another does not open."""

    def __init__(self, key: bytes) -> None:
        """A key of 32 bytes."""
        self._key = key

    def seal(self, text: str, context: str) -> str:
        """The text as it may lie in a database."""
        nonce = os.urandom(_NONCE)
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG)
        cipher.update(context.encode())
        sealed, tag = cipher.encrypt_and_digest(text.encode())
        return _MARK + base64.b64encode(nonce + sealed + tag).decode()

    def open(self, sealed: str, context: str) -> str:
        """The text again; "" (and a line in the log) when the key is another one or something was altered."""
        if not sealed:
            return ""
        try:
            raw = base64.b64decode(sealed.removeprefix(_MARK), validate=True)
            cipher = AES.new(self._key, AES.MODE_GCM, nonce=raw[:_NONCE], mac_len=_TAG)
            cipher.update(context.encode())
            return cipher.decrypt_and_verify(raw[_NONCE:-_TAG], raw[-_TAG:]).decode()
        except (ValueError, KeyError, binascii.Error):
            log.error("%s cannot be opened: is secret.key the one of this installation?", context)
            return ""


def is_sealed(text: str) -> bool:
    """Whether this was sealed."""
    return text.startswith(_MARK)
