"""Addresses that answer the machine that asks, such as a cloud's metadata service.

A kubeconfig that comes from a cluster must not have the bot ask them (facts of SSRF: whoever may
write a Secret would choose what the bot's own machine is asked).
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAMES: Final = frozenset(
    {
        *("metadata", "metadata.google.internal", "metadata.goog"),
        *("instance-data", "instance-data.ec2.internal"),
    }
)
_ADDRESSES: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def is_metadata(host: str) -> bool:
    """Whether a host is link-local, or a metadata service by its address or its name.

    Args:
        host: As in a URL, without brackets; also in the forms of IPv4 that only C libraries read.
    """
    name = host.lower().rstrip(".")
    if name in _NAMES:
        return True
    address = _address(name)
    return address is not None and (address.is_link_local or address in _ADDRESSES)


def _address(host: str) -> _Address | None:
    try:
        found: _Address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        return inner or found
    return found
