"""What a publisher sends: sizes, rates, and whether its stamps follow the wall clock."""

from __future__ import annotations

from dataclasses import dataclass

from streams.cache_scripts import ERA_JUMP_MS
from streams.hls.fmp4 import Frame

# Stamps that stand still for so long, and so many frames, have jumped back.
STUCK_MS = 1000
STUCK_FRAMES = 20
STUCK_PROGRESS_MS = 100


class Drift:
    """Compares the stamps with the wall clock. Media that is late is no jump, whether it then comes at once or slowly."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._since: tuple[int, int] | None = None
        self._frames = 0

    def jumped(self, stamp_ms: int, now_ms: int) -> bool:
        last_stamp, last_now = self._last or (stamp_ms, now_ms)
        self._last = (stamp_ms, now_ms)
        step = stamp_ms - last_stamp
        return step > now_ms - last_now + ERA_JUMP_MS or step < -ERA_JUMP_MS or self._stuck(stamp_ms, now_ms)

    def _stuck(self, stamp_ms: int, now_ms: int) -> bool:
        """ffmpeg writes stamps that went back as if they stood still."""
        since_stamp, since_now = self._since or (stamp_ms, now_ms)
        if self._since is None or stamp_ms - since_stamp > STUCK_PROGRESS_MS:
            self._since, self._frames = (stamp_ms, now_ms), 0
        self._frames += 1
        return self._frames > STUCK_FRAMES and now_ms - since_now >= STUCK_MS


@dataclass(slots=True)
class Measure:
    """What a publisher sends, from the copied stream in its order of decoding. Milliseconds and bytes."""

    frames: int = 0
    bytes: int = 0
    first_ms: int | None = None
    last_ms: int = 0
    key_ms: int | None = None
    gop_ms: int = 0
    reordered: bool = False

    def add(self, frame: Frame, dts_ms: int) -> None:
        if self.first_ms is None:
            self.first_ms = dts_ms
        self.last_ms = dts_ms
        self.frames += 1
        self.bytes += len(frame.data)
        self.reordered = self.reordered or frame.pts != frame.dts
        if frame.key:
            if self.key_ms is not None:
                self.gop_ms = max(self.gop_ms, dts_ms - self.key_ms)
            self.key_ms = dts_ms

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
