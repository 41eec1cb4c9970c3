"""Stamps count within a turn: a publisher's may go back, and RTMP's wrap, but ffmpeg's muxers take only those that go on.

So where stamps go back, ffmpeg is told to add as many turns as it takes. Whoever reads them adds or takes turns until a stamp
lies near the time that it should have.
"""

from __future__ import annotations

from streams.hls.fmp4 import Frame, ms

TURN_MS = 1 << 24  # a part of RTMP's 2³²; in a muxer's ticks no longer than the longest leap that it takes (2³¹)
EARLY_MS = 1000  # an encoder's priming comes before 0
LEAP_MS = 3000  # stamps that do so have left their era


def within_turn(stamp_ms: int) -> int:
    return (stamp_ms + EARLY_MS) % TURN_MS - EARLY_MS


def nearest(stamp_ms: int, due_ms: int) -> int:
    return stamp_ms + TURN_MS * round((due_ms - stamp_ms) / TURN_MS)


class Line:
    """The line of time that all renditions share, and one ffmpeg's frames on it."""

    def __init__(self, timescale: int, era: int = 0, left: int | None = None) -> None:
        self.timescale = timescale
        self.era = era  # that the stamps belong to
        self.left = left  # that they have leapt from
        self.astray = True  # where they belong is not known
        self.shift_ms = 0.0
        self._last_ms: int | None = None
        self._next: int | None = None
        self._usual = 0

    def look(self, frame: Frame) -> bool:
        """Notice a leap; whether the stamps are astray."""
        stamp_ms = self.ms(frame.dts)
        if self._last_ms is not None and not 0 <= stamp_ms - self._last_ms <= LEAP_MS:
            self.astray, self.left = True, self.era
            if self._next is not None:  # they go on as if nothing was, until it is known where they belong
                self.shift_ms = ms(self._next - frame.dts, self.timescale)
        self._last_ms = stamp_ms
        return self.astray

    def settle(self, era: int, shift_ms: float) -> None:
        self.era, self.shift_ms = era, shift_ms
        self.astray, self.left = False, None

    def place(self, frame: Frame) -> Frame | None:
        """Where it belongs; None while that is not known at all, or before 0."""
        if self.astray and self._next is None:
            return None
        if self.ms(frame.duration) <= LEAP_MS:  # the frame before a leap seems to be as long as that
            self._usual = frame.duration
        shift = self.ticks(self.shift_ms)
        placed = frame._replace(dts=frame.dts + shift, pts=frame.pts + shift, duration=self._usual)
        self._next = placed.dts + placed.duration
        return placed if placed.dts >= 0 else None

    def ms(self, ticks: int) -> int:
        return round(ms(ticks, self.timescale))

    def ticks(self, ms: float) -> int:
        return round(ms * self.timescale / 1000)
