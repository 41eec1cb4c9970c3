"""What a publisher sends: sizes, rates, and whether its stamps follow the wall clock."""

from __future__ import annotations

from dataclasses import dataclass

from streams.cache_scripts import ERA_JUMP_MS
from streams.hls.fmp4 import Frame

JUMP_SEEN_FOR_MS = 1000  # a stalled network catches up faster than this


class Drift:
    """Compares the stamps with the wall clock. Media that comes late, and then all at once, is no jump."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._least_lag: int | None = None
        self._late_since: int | None = None

    def jumped(self, pts_ms: int, now_ms: int) -> bool:
        last_pts, last_now = self._last or (pts_ms, now_ms)
        self._last = (pts_ms, now_ms)
        return pts_ms - last_pts > now_ms - last_now + ERA_JUMP_MS or self._fell_back(now_ms - pts_ms, now_ms)

    def _fell_back(self, lag_ms: int, now_ms: int) -> bool:
        self._least_lag = lag_ms if self._least_lag is None else min(lag_ms, self._least_lag)
        if lag_ms - self._least_lag <= ERA_JUMP_MS:
            self._late_since = None
            return False
        self._late_since = now_ms if self._late_since is None else self._late_since
        return now_ms - self._late_since >= JUMP_SEEN_FOR_MS


@dataclass(slots=True)
class Measure:
    """What a publisher sends, from the copied stream. Milliseconds and bytes."""

    frames: int = 0
    bytes: int = 0
    first_ms: int | None = None
    last_ms: int = 0
    key_ms: int | None = None
    gop_ms: int = 0
    reordered: bool = False

    def add(self, frame: Frame, pts_ms: int) -> None:
        if self.first_ms is None:
            self.first_ms = pts_ms
        self.last_ms = max(self.last_ms, pts_ms)
        self.frames += 1
        self.bytes += len(frame.data)
        self.reordered = self.reordered or frame.pts != frame.dts
        if frame.key:
            if self.key_ms is not None:
                self.gop_ms = max(self.gop_ms, pts_ms - self.key_ms)
            self.key_ms = pts_ms

    @property
    def length_ms(self) -> int:
        return self.last_ms - (self.first_ms or 0)

    @property
    def fps(self) -> float:
        return round((self.frames - 1) * 1000 / self.length_ms, 2) if self.length_ms else 0.0

    @property
    def kbit_s(self) -> int:
        return round(self.bytes * 8 / self.length_ms) if self.length_ms else 0

    @property
    def longest_gop_ms(self) -> int:
        """Including the one that is still open."""
        return max(self.gop_ms, self.last_ms - self.key_ms if self.key_ms is not None else 0)
