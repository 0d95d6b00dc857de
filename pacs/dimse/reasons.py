"""Why we refuse: the words that are logged, counted and shown to the administrator.

The administration page has a sentence in its own languages for each (`static/src/shell/admin/refusals.tsx`).
"""

WRONG_CALLED = "called AE title is not ours"
UNKNOWN_CALLING = "calling AE title is not a peer"
WRONG_ADDRESS = "the peer does not call from this address"
WRONG_CERTIFICATE = "the certificate is not the one of this peer"
MUST_USE_TLS = "the peer must call over TLS with its certificate"
WRONG_CONTEXT = "application context is not DICOM"
WRONG_VERSION = "protocol version is not supported"
TOO_MANY = "too many associations"
TOO_MANY_OF_PEER = "the peer has too many associations"

NOT_DICOM = "does not speak DICOM"
SPEAKS_HTTP = "speaks HTTP, not DICOM"
SPEAKS_TLS = "speaks TLS on the port without TLS"
NO_REQUEST = "no association request in time"
UNREADABLE = "an association request that cannot be read"
CROWD = "too many connections at once"

TLS_PLAIN = "TLS: speaks without TLS on the TLS port"
TLS_NO_CERTIFICATE = "TLS: no client certificate"
TLS_UNTRUSTED = "TLS: certificate of an unknown authority"
TLS_EXPIRED = "TLS: certificate has expired or is not valid yet"
TLS_NOT_TRUSTED = "TLS: the caller does not trust our certificate"
TLS_NO_COMMON = "TLS: no version or cipher suite in common"
TLS_FAILED = "TLS: the handshake failed"

TOO_LARGE = "aborted: an object over the limit"
TOO_SLOW = "aborted: too slow"
BROKE_PROTOCOL = "aborted: broke the protocol"

BY_PEERS = (WRONG_CALLED, UNKNOWN_CALLING, WRONG_ADDRESS, WRONG_CERTIFICATE, MUST_USE_TLS)
"""What a new or changed entry of the caller in the list of peers would put right."""

ALL = (
    *BY_PEERS, WRONG_CONTEXT, WRONG_VERSION, TOO_MANY, TOO_MANY_OF_PEER, NOT_DICOM, SPEAKS_HTTP, SPEAKS_TLS, NO_REQUEST,
    UNREADABLE, CROWD, TLS_PLAIN, TLS_NO_CERTIFICATE, TLS_UNTRUSTED, TLS_EXPIRED, TLS_NOT_TRUSTED, TLS_NO_COMMON,
    TLS_FAILED, TOO_LARGE, TOO_SLOW, BROKE_PROTOCOL,
)  # fmt: skip
