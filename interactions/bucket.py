"""How often something may be done: a bucket of tokens, which fills by itself."""

from __future__ import annotations

import math


class Bucket:
    """Holds at most BURST tokens, and gains PER_S of them."""

    __slots__ = ("at", "burst", "per_s", "tokens")

    def __init__(self, burst: float, per_s: float, now: float) -> None:
        self.burst, self.per_s = burst, per_s
        self.tokens, self.at = burst, now

    def take(self, now: float, count: float = 1) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_s)
        self.at = now
        if self.tokens < count:
            return False
        self.tokens -= count
        return True

    def wait_ms(self, count: float = 1) -> int:
        """After what was last taken, until there are so many."""
        return max(0, math.ceil((count - self.tokens) / self.per_s * 1000))

    def full(self, now: float) -> bool:
        """As good as new."""
        return self.tokens + (now - self.at) * self.per_s >= self.burst
