"""Groups one rendition's frames into parts and segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.hls.fmp4 import Frame

# RTMP stamps are whole milliseconds: a part that looks exactly as long as the target may be a rounding longer.
ROUNDING_MS = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """A closed part: presentation start and duration in the track's ticks."""

    msn: int
    start: int
    duration: int
    independent: bool
    frames: Sequence[Frame]


class Cutter:
    """No part crosses `target_ms`: an overlong one makes Apple's players drop every variant. A segment starts a part."""

    def __init__(self, timescale: int, target_ms: float) -> None:
        self.target = (target_ms - ROUNDING_MS) * timescale / 1000
        self.msn: int | None = None
        self._frames: list[Frame] = []
        self._ticks = self._usual = 0

    @property
    def quiet(self) -> int:
        """For so many ticks nothing comes that would close a part, unless it begins a segment or frames become longer."""
        if self.msn is None or not self._usual:
            return 0
        left = int(self.target - self._ticks) // self._usual  # frames, the last of which closes the part
        return max(left - 1, 0) * self._usual

    def push(self, frame: Frame, msn: int | None) -> list[Cut]:
        """Add a frame; `msn` where it begins a segment. Frames before the first segment are dropped."""
        cuts = []
        if msn is not None and msn != self.msn:
            cuts += self.close()
            self.msn = msn
        elif self._ticks + frame.duration > self.target:
            cuts += self.close()
        if self.msn is None:
            return []
        self._frames.append(frame)
        self._ticks += frame.duration
        self._usual = frame.duration
        # the next frame is likely as long as this one: then it would not fit, so nobody need wait for it
        if self._ticks + frame.duration > self.target:
            cuts += self.close()
        return cuts

    def leave(self) -> list[Cut]:
        """Close the open part; what comes before the next segment is dropped."""
        cuts = self.close()
        self.msn = None
        return cuts

    def close(self) -> list[Cut]:
        """Close the open part, if there is one."""
        if not self._frames or self.msn is None:
            return []
        frames, self._frames = self._frames, []
        ticks, self._ticks = self._ticks, 0
        start = min(frame.pts for frame in frames)
        return [Cut(self.msn, start, ticks, frames[0].key, frames)]
