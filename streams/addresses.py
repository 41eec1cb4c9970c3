from __future__ import annotations

import ipaddress


def network(address: str) -> str:
    """What one subscriber is given: an IPv4 address, or a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
