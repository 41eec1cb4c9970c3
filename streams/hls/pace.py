"""How long whoever reads an encoder's frames may take its time: to wake up for a frame costs more than the frame does."""

from __future__ import annotations

PAUSE_MS = 100  # a keyframe out of turn waits so long
EARLY_MS = 30  # so much too early may a frame come
RESIGN_MS = 1  # with each pause, frames that are late become the usual


class Pace:
    def __init__(self) -> None:
        self._soonest_ms: float | None = None

    def pause_ms(self, quiet_ms: float, delay_ms: float) -> float:
        """Nothing that matters is due for `quiet_ms` after the last frame; that came `delay_ms` after its time.

        If that is late, the next ones may be right behind it.
        """
        soonest_ms = delay_ms if self._soonest_ms is None else min(delay_ms, self._soonest_ms + RESIGN_MS)
        self._soonest_ms = soonest_ms
        left_ms = quiet_ms - EARLY_MS - (delay_ms - soonest_ms)
        return min(left_ms, PAUSE_MS) if left_ms >= EARLY_MS else 0
