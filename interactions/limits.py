"""How much one address or user may do here. Each process counts for itself."""

from __future__ import annotations

from interactions.bucket import Bucket
from interactions.protocol import Refused
from streams.addresses import network

HELLOS_BURST, HELLOS_PER_S = 12, 1
RETURN_S = 10  # after a restart everybody comes again within it
OFFERS_PER_MINUTE, OFFERS_FROM_PER_MINUTE = 6, 30
QUESTIONS_PER_MINUTE = 10
FRAMES_BURST, FRAMES_PER_S = 40, 10
PATIENCE, PATIENCE_PER_S = 50, 0.5
BAD_MESSAGE = 5  # so much of the patience does one cost
REFUSED = {"forbidden": 5, "rate": 1}  # and what is refused, by its code
SWITCHES_BURST, SWITCHES_PER_S = 10, 0.2  # each may ask for all that is kept
TAPS_BURST, TAPS_PER_S = 12, 4
SWEEP_AT = 1000  # entries; then those that are as good as new are forgotten


class Buckets:
    """One for each key."""

    def __init__(self, burst: float, per_s: float) -> None:
        self.burst, self.per_s = burst, per_s
        self.buckets: dict[str, Bucket] = {}

    def take(self, key: str, now: float) -> bool:
        if len(self.buckets) > SWEEP_AT:
            self.buckets = {key: bucket for key, bucket in self.buckets.items() if not bucket.full(now)}
        if key not in self.buckets:
            self.buckets[key] = Bucket(self.burst, self.per_s, now)
        return self.buckets[key].take(now)

    def charge(self, key: str, now: float) -> None:
        """Raises Refused: rate."""
        if not self.take(key, now):
            raise Refused("rate", self.buckets[key].wait_ms())


class Paces:
    """What costs more than a frame does. A session stands for its user until somebody has looked who that is."""

    def __init__(self, sockets_per_address: int) -> None:
        self.hellos = Buckets(HELLOS_BURST, HELLOS_PER_S)  # of sessions and of users
        self.hellos_from = Buckets(sockets_per_address, sockets_per_address / RETURN_S)  # networks
        self.offers = Buckets(OFFERS_PER_MINUTE, OFFERS_PER_MINUTE / 60)  # of users
        self.offers_from = Buckets(OFFERS_FROM_PER_MINUTE, OFFERS_FROM_PER_MINUTE / 60)
        self.questions = Buckets(QUESTIONS_PER_MINUTE, QUESTIONS_PER_MINUTE / 60)  # of users, to PostgreSQL

    def offer(self, who: str, address: str, now: float) -> bool:
        return self.offers.take(who, now) and self.offers_from.take(network(address), now)

    def hello(self, session: str, address: str, now: float) -> None:
        """Raises Refused: rate."""
        self.hellos.charge(session, now)
        self.hellos_from.charge(network(address), now)


class Conduct:
    """How one connection behaves."""

    def __init__(self, now: float) -> None:
        self.frames = Bucket(FRAMES_BURST, FRAMES_PER_S, now)
        self.taps = Bucket(TAPS_BURST, TAPS_PER_S, now)
        self.switches = Bucket(SWITCHES_BURST, SWITCHES_PER_S, now)
        self.patience = Bucket(PATIENCE, PATIENCE_PER_S, now)

    def may_speak(self, now: float) -> bool:
        return self.frames.take(now)

    def switch(self, now: float) -> None:
        """Raises Refused: rate."""
        if not self.switches.take(now):
            raise Refused("rate", self.switches.wait_ms())

    def is_borne(self, now: float, cost: float) -> bool:
        """False once there has been too much of it."""
        return self.patience.take(now, cost)
