"""Where hosts are: addresses of the public internet, of this network, of this machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from trueup.foundation.errors import BackendError, UsageError

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_address(host: str) -> bool:
    """Whether a host is written as a number, not as a name.

    Example:
        >>> is_address("10.0.0.1"), is_address("example.org")
        (True, False)
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    return ipaddress.ip_address(host).is_loopback if is_address(host) else host == "localhost"


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also when it wraps an older one.

    Example:
        >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
        (True, False, False)
    """
    meant = _meant(ipaddress.ip_address(address))
    return meant.is_global and not (meant.is_multicast or meant.is_reserved)


def public_address(host: str) -> str:
    """The address to ask for a host that somebody else named.

    Raises:
        UsageError: One of its addresses is not public: a part of this network, or this machine.
        BackendError: Nobody knows the host.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BackendError(
            "service-unreachable",
            f"Nobody knows the host '{host[:200]}': {error}.",
            hint=f"getent hosts '{host[:200]}'",
        ) from error
    addresses = [str(each[4][0]) for each in found]
    if inside := next((each for each in addresses if not is_public(each)), ""):
        raise UsageError(
            "service-private",
            f"The host '{host[:200]}' is at {inside}, which is no public address.",
            hint='in trueup.toml:  [webhooks]  private_hosts = ["' + host[:200] + '"]',
            context={"host": host[:200]},
        )
    return addresses[0]


def _meant(address: Address) -> Address:
    """The address that is reached in the end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
