from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


def network(address: str) -> str:
    """What one subscriber is given: an IPv4 address, or a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


class TooMany(Exception):
    """This address has as many open as it may."""


class PerAddress:
    """How much one address has open at the same time, here: each process counts for itself."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, address: str) -> Iterator[None]:
        """Raises TooMany."""
        key = network(address)
        if self.open[key] >= self.most:
            raise TooMany(key)
        self.open[key] += 1
        try:
            yield
        finally:
            self.open[key] -= 1
            if not self.open[key]:
                del self.open[key]


class PerMinute:
    """How often one address may do something in a minute, here: each process counts for itself."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.until = 0.0
        self.counts: Counter[str] = Counter()

    def take(self, address: str, now: float) -> bool:
        if now >= self.until:
            self.until = now + 60
            self.counts.clear()
        key = network(address)
        self.counts[key] += 1
        return self.counts[key] <= self.most
