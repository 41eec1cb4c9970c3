"""How well a line carries: at which rate, how late, how much is lost; of packets, and of what TCP makes of them."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

SEND_AHEAD = 32  # packets on their way: more than come while a lost one is waited for


@dataclass(frozen=True)
class Quality:
    loss: float
    delay_s: float
    jitter_s: float
    bit_s: float

    @property
    def timeout_s(self) -> float:
        """TCP's, with a good way back: the round trip and four times its mean deviation (RFC 6298)."""
        return self.delay_s + 4 * self.jitter_s / 2


GOOD = Quality(loss=0, delay_s=0, jitter_s=0, bit_s=math.inf)


class Packets:
    """Each on its own: some overtake others."""

    def __init__(self, quality: Quality, chance: random.Random) -> None:
        self.quality, self.chance = quality, chance
        self.free_at = 0.0

    def loses(self) -> bool:
        return self.chance.random() < self.quality.loss

    def arrives_at(self, size: int, now: float) -> float:
        self.free_at = max(self.free_at, now) + size * 8 / self.quality.bit_s
        return self.free_at + self.quality.delay_s + self.chance.uniform(-self.quality.jitter_s, self.quality.jitter_s)


class Stream:
    """All of them, in order: one that is lost is sent again after TCP's timeout, and what is behind it waits for it."""

    def __init__(self, quality: Quality, chance: random.Random) -> None:
        self.quality, self.packets = quality, Packets(quality, chance)
        self.waiting: deque[tuple[float, bytes]] = deque()  # when it arrives
        self.last_at = 0.0

    @property
    def is_full(self) -> bool:
        """Or nothing comes behind its end, which is an empty packet."""
        return len(self.waiting) >= SEND_AHEAD or bool(self.waiting and not self.waiting[-1][1])

    def take(self, packet: bytes, now: float) -> None:
        arrives_at = self.packets.arrives_at(len(packet), now)
        if self.packets.loses():
            arrives_at = self.packets.arrives_at(len(packet), now) + self.quality.timeout_s
        self.last_at = max(self.last_at, arrives_at)
        self.waiting.append((self.last_at, packet))

    def due_s(self, now: float, at_most_s: float) -> float:
        """Until the next one arrives."""
        return max(0.0, min(self.waiting[0][0] - now, at_most_s)) if self.waiting else at_most_s

    def arrived(self, now: float) -> Iterator[bytes]:
        while self.waiting and self.waiting[0][0] <= now:
            yield self.waiting.popleft()[1]
