"""Where a peer calls from and what it is called: what an administrator may enter, and how a caller is compared."""

import ipaddress
import re

from storage.errors import InvalidQuery

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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
