"""Where a webhook may go: names are resolved here, and the address that was checked is used."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Ip = IPv4Address | IPv6Address

# Networks of IPv6 whose addresses stand for one of IPv4, which lies so many bits from the right.
_EMBEDDED = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)
_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # 0.0.0.0 reaches this very host


class Refused(Exception):
    """No address of the receiver may be connected to."""


def inner(address: Ip) -> Ip:
    """The address that is meant: of one that wraps an IPv4 address, that one."""
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDED:
            if address in network and int(address) > 1:  # :: and ::1 are themselves
                return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def is_private(address: Ip) -> bool:
    """Whether the address lies in a network of somebody's own: loopback, or a private range."""
    meant = inner(address)
    return (meant.is_loopback or meant.is_private) and not _is_never(address)


def _is_never(address: Ip) -> bool:
    """Nobody's receiver: link-local (where clouds keep their secrets), multicast, unspecified, reserved."""
    meant = inner(address)
    return (
        meant.is_link_local
        or meant.is_multicast
        or meant.is_unspecified
        or (isinstance(meant, IPv4Address) and (meant.is_reserved or meant in _THIS_NETWORK))
    )


def may_connect(address: Ip, *, allows_private: bool, is_plain: bool) -> bool:
    """Public addresses with TLS; with leave, private ones, and only to these without TLS."""
    if _is_never(address):
        return False
    if is_private(address):
        return allows_private
    return inner(address).is_global and not is_plain


async def resolve(host: str, port: int, *, allows_private: bool, is_plain: bool) -> list[str]:
    """The addresses of `host` that may be connected to, in the resolver's order; Refused if there is none.

    Whatever stands for an address (2130706433, 0x7f.1, a name) is judged by what it resolves to.
    """
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG if not _is_literal(host) else 0
    )
    addresses = list(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found))
    allowed = [
        text
        for text in addresses
        if may_connect(ip_address(text), allows_private=allows_private, is_plain=is_plain)
    ]
    if not allowed:
        raise Refused(f"{host} is {', '.join(addresses)}")
    return allowed


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
