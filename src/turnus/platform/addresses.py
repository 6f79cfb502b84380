"""Which IP addresses are hosts on the public internet, and which lead into somebody's own network."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# IANA's special-purpose registries (RFC 6890 and successors), written out because what `ipaddress` calls private or
# global changes with Python's patch versions.
_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # a public number that is the host's own services inside one large cloud
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID …
        "2001:db8::/32",  # documentation
        "3fff::/20",
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")
_ISATAP_MARKS = (0x0000_5EFE, 0x0200_5EFE)


def embedded_address(address: IPAddress) -> IPv4Address | None:
    """The IPv4 address behind an IPv6 one: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056), ISATAP (RFC 5214)."""
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    if address in _MAPPED or address in _NAT64 or (number >> 32) & 0xFFFF_FFFF in _ISATAP_MARKS:
        return IPv4Address(number & 0xFFFF_FFFF)
    if address in _6TO4:
        return IPv4Address((number >> 80) & 0xFFFF_FFFF)
    return None


def is_public(address: IPAddress) -> bool:
    """Whether the address belongs to a host on the public internet, not to a network of ours or a special use."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    embedded = embedded_address(address)
    if embedded is not None and not is_public(embedded):
        return False
    if address in _MAPPED or address in _NAT64:
        return True
    return (
        address.scope_id is None
        and address in _GLOBAL_UNICAST
        and not any(address in network for network in _REFUSED_V6)
    )


def is_allowed(address: IPAddress, allow: Iterable[IPNetwork]) -> bool:
    """Whether the operator's list contains the address, or the IPv4 address it stands for."""
    embedded = embedded_address(address)
    return any(address in network or (embedded is not None and embedded in network) for network in allow)


def literal_address(host: str) -> IPAddress | None:
    """The address a host is unless it is a name, in every spelling resolvers know (`127.1`, `0x7f000001`)."""
    try:
        return ip_address(host)
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
