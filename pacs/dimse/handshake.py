"""What went wrong in a TLS handshake, in words an administrator can act on."""

import ssl

from pacs.dimse import reasons

_BY_REASON = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": reasons.TLS_NO_CERTIFICATE,
    "HTTP_REQUEST": reasons.SPEAKS_HTTP,
    "WRONG_VERSION_NUMBER": reasons.TLS_PLAIN,
    "UNSUPPORTED_PROTOCOL": reasons.TLS_NO_COMMON,
    "NO_SHARED_CIPHER": reasons.TLS_NO_COMMON,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": reasons.TLS_NO_COMMON,
    "TLSV1_ALERT_UNKNOWN_CA": reasons.TLS_NOT_TRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": reasons.TLS_NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": reasons.TLS_NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": reasons.TLS_NOT_TRUSTED,
    "TLSV1_ALERT_PROTOCOL_VERSION": reasons.TLS_NO_COMMON,
}
_NOT_NOW = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


def reason_of(error: Exception) -> str:
    """Why the handshake failed; "" when the caller just went away."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return reasons.TLS_EXPIRED if error.verify_code in _NOT_NOW else reasons.TLS_UNTRUSTED
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return ""
    if isinstance(error, ssl.SSLError):
        return _BY_REASON.get(error.reason or "", reasons.TLS_FAILED)
    return ""
