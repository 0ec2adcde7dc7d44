"""Which addresses a tool may reach: those of the public internet, and what its owner allows. A pure decision."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from agiwo.errors import ConfigError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64: Final = ip_network("64:ff9b::/96")
"""Holds an IPv4 address in its last four bytes, and leads to it."""

_CLOUD: Final = ip_network("168.63.129.16/32")
"""A public address that leads to the host's own services, where the host is a virtual machine of Azure."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks such as `127.0.0.1` and `10.0.0.0/8`.

    Raises: ConfigError for what is neither; a host's name is not, because it may lead elsewhere tomorrow.
    """
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError:
            raise ConfigError(f"{text!r} is no IP address and no network such as 10.0.0.0/8") from None
    return tuple(networks)


def may_reach(address: str, allowed: Sequence[Network]) -> bool:
    """Whether a connection to this address may be made: it is public, or in an allowed network."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return all(_is_in(each, allowed) or _is_public(each) for each in _meant(found))


def _meant(address: Address) -> Iterator[Address]:
    """The address itself, or the IPv4 addresses that it stands for."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(address.packed[-4:])
    elif address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    else:
        yield address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in _CLOUD
