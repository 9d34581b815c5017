"""Where a peer is: its IP address, written in one way. Knows addresses; knows nothing of names and sockets."""

from ipaddress import IPv6Address, ip_address


def ip_of(address: object) -> str:
    """The IP of what `accept` gives: without its port and zone, and as IPv4 where it is that inside IPv6."""
    try:
        ip = ip_address(str(address[0]).partition("%")[0]) if isinstance(address, tuple) else None
    except ValueError:
        ip = None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip or "")


def is_loopback(ip: str) -> bool:
    """Whether it is this computer itself."""
    return bool(ip) and ip_address(ip).is_loopback
