"""The publisher's own video: copied, and measured."""

from __future__ import annotations

from typing import Any

from streams.cache_writer import Writer
from streams.clock import ClockView
from streams.hls import fmp4
from streams.hls.fmp4 import Frame, Init
from streams.hls.pace import PAUSE_MS
from streams.ladder import LONGEST_LISTED_GOP_S, Profile, kept_fps, longest_gop
from streams.measure import Measure, Recent
from streams.packager import VideoPackager

MEASURE_EVERY_MS = 5000
FIRST_MEASURE_MS = 4500
LONGEST_OPEN_GOP_MS = LONGEST_LISTED_GOP_S * 1100  # a dropped frame or two are forgiven
SOURCE_HEADROOM = 1.3  # a short look at a stream's bit rate, and its peak


class SourcePackager(VideoPackager):
    """Says what the publisher sends, too."""

    def __init__(self, writer: Writer, part_ms: int, clock: ClockView, profile: Profile | None, is_fixed: bool = False) -> None:
        super().__init__(writer, part_ms, clock, profile, is_fixed)
        self.measure = Measure()
        self.recent = Recent()
        self.measured_ms: float = FIRST_MEASURE_MS - MEASURE_EVERY_MS
        self.said_kbit_s = 0  # in the list

    def check(self, init: Init) -> None:
        pass

    def check_shape(self) -> None:
        """It is the source's ffmpeg that sees the change."""

    async def take(self, frame: Frame) -> None:
        self.measure.add(frame, fmp4.ms(frame.duration, self.init.timescale))
        if self.measure.length_ms - self.measured_ms >= MEASURE_EVERY_MS:
            self.measured_ms = self.measure.length_ms
            await self.writer.measured(self.figures())
            if self.listed and not self.said_kbit_s / 2 <= self.measure.kbit_s <= self.said_kbit_s * SOURCE_HEADROOM:
                await self._list(self.measure)  # the key's last publisher sent something else
        await self._look(frame)
        if self.listed is not False and self.measure.open_gop_ms > LONGEST_OPEN_GOP_MS:
            await self._leave()
        if self.listed is not False:
            await super().take(frame)

    async def _look(self, frame: Frame) -> None:
        now_ms = self.now_ms()
        self.recent.add(len(frame.data), self.ms(frame.dts), now_ms)
        if figures := self.recent.look(now_ms):
            gop_ms = max(self.measure.last_gop_ms, self.measure.open_gop_ms)
            more = {"era": self.line.era, "gop_s": round(gop_ms / 1000, 2), "reorder_ms": round(self.measure.reorder_ms)}
            await self.writer.note(figures | more)

    def pause_ms(self) -> float:
        return PAUSE_MS if self.listed is False else super().pause_ms()

    async def decide(self) -> None:
        """A publisher that is not known yet is listed with its second keyframe, if that comes in time."""
        if self.profile is not None and not self.profile.lists_source:
            await self._leave()
            return
        known = self.profile or self.measure
        if not known.gop_s:
            return
        if self.profile is None and round(known.gop_s * kept_fps(known.fps)) > longest_gop(None):
            await self._leave()  # transcodes have keyframes between its own; the next time they will know
            return
        await self._list(known)

    async def _list(self, known: Profile | Measure) -> None:
        self.said_kbit_s = known.kbit_s
        variant = self.variant(round(known.kbit_s * 1000 * SOURCE_HEADROOM), known.fps)
        self.listed = await self.writer.report(variant, self.now_ms(), max(self.gop_ms, round(known.gop_s * 1000)))

    async def _leave(self) -> None:
        """Whoever came to this rendition in between would see nothing for long."""
        self.listed = False
        await self.writer.report(None, self.now_ms())

    def figures(self) -> dict[str, Any]:
        measure = self.measure
        return {
            "codec": self.init.codec,
            "width": self.init.width,
            "height": self.init.height,
            "fps": measure.fps,
            "gop_s": measure.longest_gop_s,
            "kbit_s": measure.kbit_s,
            "b_frames": measure.reordered,
            "reorder_ms": round(measure.reorder_ms),
        }
