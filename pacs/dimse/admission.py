"""Where a peer calls from and what it is called: what an administrator may enter, and how a caller is compared."""

import ipaddress
import re

from pacs.association.tls import certificate_fingerprint
from storage.errors import InvalidQuery

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LIMITS = {"min_rate": (1, 1_000_000), "max_object_mb": (1, 1_048_576), "max_associations": (1, 10_000)}
"""What a peer can have of its own, with the lowest and highest value: bytes a second, MB, how many at once."""

_AE_TITLE = re.compile(
    r"[ -\[\]-~]{1,16}"
)  # PS3.5 §6.2: the default repertoire without backslash and control characters
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")


def check_ae_title(text: str) -> str:
    """An AE title as it is compared: without spaces around it."""
    title = text.strip()
    if not _AE_TITLE.fullmatch(title):
        raise InvalidQuery(f"{text!r} is not an AE title: 1 to 16 ASCII characters, no backslash")
    return title


def check_host(text: str) -> str:
    """An address, a network (CIDR) or a host name."""
    host = text.strip()
    if network_of(host) is not None:
        return host
    if not _HOST_NAME.fullmatch(host) or re.fullmatch(r"[0-9.]+", host):
        raise InvalidQuery(f"{text!r} is not an address, a network like 10.1.2.0/24, or a host name")
    return host


def check_certificate(text: str) -> str:
    """The SHA-256 of a certificate in hex, given as that (with or without colons) or as the certificate in PEM form;
    "" for none."""
    if "-----BEGIN" in text:
        try:
            return certificate_fingerprint(text)
        except ValueError as error:
            raise InvalidQuery(f"the certificate cannot be read: {error}") from error
    plain = re.sub(r"[\s:]", "", text).lower()
    if plain and not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise InvalidQuery("a certificate is given as its SHA-256 fingerprint (64 hexadecimal digits) or in PEM form")
    return plain


def check_limit(name: str, value: int | None) -> int | None:
    """A limit of a peer's own, or None for what is configured."""
    lowest, highest = LIMITS[name]
    if value is not None and not lowest <= value <= highest:
        raise InvalidQuery(f"{name} is a number from {lowest} to {highest}, or nothing for what is configured")
    return value


def network_of(host: str) -> Network | None:
    """The network a host entry means, one address being the smallest; None for a host name."""
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None


def address_of(text: str) -> Address | None:
    """A caller's address; IPv4 inside IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def group_of(text: str) -> str:
    """Whose connections are counted together: an IPv4 address; of IPv6 the /64, which is what one caller has."""
    address = address_of(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or text)
