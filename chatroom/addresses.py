"""IP addresses, each written in one way. Knows their forms; knows nothing of names and sockets."""

from ipaddress import ip_address


def normal(raw: str) -> str:
    """The form by which addresses are compared: without a zone, and as IPv4 where it is that inside IPv6. Raises
    ValueError for what is none."""
    address = ip_address(raw.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


def ip_of(peer: object) -> str:
    """Of what `accept` gives; empty where there is none."""
    try:
        return normal(str(peer[0])) if isinstance(peer, tuple) else ""
    except ValueError:
        return ""


def is_loopback(ip: str) -> bool:
    """Whether it is this computer itself."""
    return bool(ip) and ip_address(ip).is_loopback
