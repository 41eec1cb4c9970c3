"""What a publisher sends: sizes and rates, of all of it and of the last second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.hls.fmp4 import Frame

LOOK_MS = 1000


@dataclass(slots=True)
class Measure:
    """From the copied stream in its order of decoding. Milliseconds and bytes; stamps may leap, durations do not."""

    frames: int = 0
    bytes: int = 0
    length_ms: float = 0  # where the next frame begins
    key_ms: float | None = None
    gop_ms: float = 0
    last_gop_ms: float = 0
    # how long before it is shown a frame is decoded: least, most
    least_early_ms: float | None = None
    most_early_ms: float = 0

    def add(self, frame: Frame, duration_ms: float) -> None:
        if frame.key:
            if self.key_ms is not None:
                self.last_gop_ms = self.open_gop_ms
                self.gop_ms = max(self.gop_ms, self.last_gop_ms)
            self.key_ms = self.length_ms
        self.frames += 1
        self.bytes += len(frame.data)
        self.length_ms += duration_ms
        if frame.duration:
            self._note_order((frame.pts - frame.dts) * duration_ms / frame.duration)

    def _note_order(self, early_ms: float) -> None:
        self.least_early_ms = early_ms if self.least_early_ms is None else min(self.least_early_ms, early_ms)
        self.most_early_ms = max(self.most_early_ms, early_ms)

    @property
    def reorder_ms(self) -> float:
        """What B-frames cost: a frame that others refer to leaves its encoder as it comes in, the others wait for it."""
        return max(self.most_early_ms - (self.least_early_ms or 0), 0)

    @property
    def reordered(self) -> bool:
        return self.reorder_ms > 0

    @property
    def fps(self) -> float:
        return round(self.frames * 1000 / self.length_ms, 2) if self.length_ms else 0.0

    @property
    def kbit_s(self) -> int:
        return round(self.bytes * 8 / self.length_ms) if self.length_ms else 0

    @property
    def gop_s(self) -> float:
        """The longest so far."""
        return round(self.gop_ms / 1000, 3)

    @property
    def open_gop_ms(self) -> float:
        return self.length_ms - self.key_ms if self.key_ms is not None else 0

    @property
    def longest_gop_s(self) -> float:
        """Including the one that is still open."""
        return round(max(self.gop_ms, self.open_gop_ms) / 1000, 3)


class Recent:
    """What has come since the last look, by the clock on the wall: what a graph shows that should move at once."""

    def __init__(self) -> None:
        self.since_ms: int | None = None
        self.begin()

    def begin(self) -> None:
        self.frames = self.bytes = 0
        self.ahead_ms: int | None = None

    def add(self, size: int, stamp_ms: int, now_ms: int) -> None:
        if self.since_ms is None or now_ms < self.since_ms:  # the clock was set back
            self.since_ms = now_ms
        self.frames += 1
        self.bytes += size
        ahead_ms = stamp_ms - now_ms
        # the frame that was delayed least says how far the stamps are
        self.ahead_ms = ahead_ms if self.ahead_ms is None else max(self.ahead_ms, ahead_ms)

    def look(self, now_ms: int) -> dict[str, Any] | None:
        """Once in a second."""
        if self.since_ms is None or now_ms - self.since_ms < LOOK_MS:
            return None
        seconds = (now_ms - self.since_ms) / 1000
        figures = {
            "at_ms": now_ms,
            "kbit_s": round(self.bytes * 8 / 1000 / seconds),
            "fps": round(self.frames / seconds, 1),
            "ahead_ms": self.ahead_ms,
        }
        self.since_ms = now_ms
        self.begin()
        return figures
