"""How much one address or user may do here. Each process counts for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from interactions.protocol import Bucket
from streams.addresses import network

OFFERS_PER_MINUTE = 6
FRAMES_BURST, FRAMES_PER_S = 40, 10
PATIENCE, PATIENCE_PER_S = 50, 0.5
BAD_MESSAGE = 5  # so much of the patience does one cost
TAPS_BURST, TAPS_PER_S = 12, 4
SWEEP_AT = 1000  # entries; then those that are as good as new are forgotten


class TooMany(Exception):
    """This address has as many sockets as it may."""


class Sockets:
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


class Offers:
    """WebRTC offers, each of which costs milliseconds."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}

    def take(self, who: str, now: float) -> bool:
        if len(self.buckets) > SWEEP_AT:
            self.buckets = {key: bucket for key, bucket in self.buckets.items() if not bucket.full(now)}
        if who not in self.buckets:
            self.buckets[who] = Bucket(OFFERS_PER_MINUTE, OFFERS_PER_MINUTE / 60, now)
        return self.buckets[who].take(now)


class Conduct:
    """How one connection behaves."""

    def __init__(self, now: float) -> None:
        self.frames = Bucket(FRAMES_BURST, FRAMES_PER_S, now)
        self.taps = Bucket(TAPS_BURST, TAPS_PER_S, now)
        self.patience = Bucket(PATIENCE, PATIENCE_PER_S, now)

    def may_speak(self, now: float) -> bool:
        return self.frames.take(now)

    def is_borne(self, now: float, cost: float) -> bool:
        """False once there has been too much of it."""
        return self.patience.take(now, cost)
