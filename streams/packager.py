"""Turns one rendition's frames into parts in the cache, cut where the broadcast's segment clock says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from streams.cache_scripts import CLOCK_TOLERANCE_MS, SHORTEST_SEGMENT_MS
from streams.clock import ClockView
from streams.hls import fmp4
from streams.hls.cutter import Cut, Cutter
from streams.hls.fmp4 import Frame, Init
from streams.hls.playlist import Variant
from streams.hls.timeline import Part
from streams.ladder import AUDIO, BY_NAME, GOP_S, LONGEST_LISTED_GOP_S, RUNGS, SOURCE, Profile, kept_fps
from streams.measure import Drift, Measure
from streams.segment_cache import Writer

MEASURE_EVERY_MS = 5000
FIRST_MEASURE_MS = 4500
AUDIO_PEAK = 192_000  # bit/s; most publishers send 128 to 160 k
SOURCE_HEADROOM = 1.3  # a short look at a stream's bit rate, and its peak


class Withdraw(Exception):
    """The broadcast does without this rendition."""


class Jumped(Exception):
    """The publisher's stamps left the wall clock: a new era begins with a new ffmpeg."""

    def __init__(self, pts_ms: int) -> None:
        super().__init__(pts_ms)
        self.pts_ms = pts_ms


class Packager(ABC):
    """What all renditions have in common: init sections, cutting, storing."""

    def __init__(self, writer: Writer, part_ms: int, now_ms: Callable[[], int]) -> None:
        self.writer = writer
        self.part_ms = part_ms
        self.now_ms = now_ms
        self.reported = False
        self.stored = 0
        self.drift = Drift()

    async def begin(self, init: Init) -> None:
        self.check(init)
        self.init = init
        self.init_number = await self.writer.init(init.data)
        self.cutter = Cutter(init.timescale, self.part_ms)

    def check(self, init: Init) -> None:  # noqa: B027 most have nothing to check
        """Raises Withdraw where this rendition makes no sense."""

    @abstractmethod
    async def push(self, frame: Frame) -> None:
        """Raises Withdraw, Jumped, and what the Writer raises."""

    def ms(self, ticks: int) -> int:
        return round(fmp4.ms(ticks, self.init.timescale))

    async def store(self, cuts: list[Cut], era: int, offset_ms: int) -> None:
        for cut in cuts:
            part = Part(
                number=0,
                epoch=self.writer.epoch,
                msn=cut.msn,
                era=era,
                init=self.init_number,
                at_ms=offset_ms + self.ms(cut.start),
                duration_ms=fmp4.ms(cut.duration, self.init.timescale),
                independent=cut.independent,
            )
            await self.writer.store(part, fmp4.part(cut.frames, self.stored + 1), self.now_ms())
            self.stored += 1

    def check_jump(self, pts_ms: int) -> None:
        if self.drift.jumped(pts_ms, self.now_ms()):
            raise Jumped(pts_ms)


class VideoPackager(Packager):
    """A transcode."""

    def __init__(self, writer: Writer, part_ms: int, now_ms: Callable[[], int], profile: Profile | None) -> None:
        super().__init__(writer, part_ms, now_ms)
        self.profile = profile
        self.era = self.offset_ms = 0
        self.boundary_ms: int | None = None
        gop_s = max(GOP_S, profile.gop_s) if profile and profile.lists_source else GOP_S
        self.longest_ms = gop_s * 1000 + SHORTEST_SEGMENT_MS - 2 * CLOCK_TOLERANCE_MS
        self.drives_audio = writer.rendition in (SOURCE, RUNGS[0].name)  # the source may be left out

    def check(self, init: Init) -> None:
        rung = BY_NAME[self.writer.rendition]
        if rung is not RUNGS[0] and min(init.width, init.height) < rung.size and self.profile is None:
            raise Withdraw(f"the source is smaller than {rung.name}")

    async def push(self, frame: Frame) -> None:
        pts_ms = self.ms(frame.pts)
        self.check_jump(self.ms(frame.dts))
        msn = await self._boundary(frame, pts_ms)
        cuts = self.cutter.push(frame, msn)
        await self.store(cuts, self.era, self.offset_ms)
        if not self.reported:
            self.reported = True
            await self.report()
        if self.drives_audio and self._near_boundary(pts_ms):
            await self.writer.watermark(pts_ms)

    async def report(self) -> None:
        rung = BY_NAME[self.writer.rendition]
        fps = kept_fps(self.profile.fps) if self.profile else 0
        if not await self.writer.report(self.variant(rung.kbit_s, fps), self.now_ms()):
            raise Withdraw(f"{rung.name} came too late")

    async def _boundary(self, frame: Frame, pts_ms: int) -> int | None:
        if not frame.key and not self._overdue(pts_ms):
            return None
        tick = await self.writer.boundary(pts_ms, self.now_ms())
        if tick.msn is not None:
            # parts that are still open belong to the era before
            await self.store(self.cutter.close(), self.era, self.offset_ms)
            self.boundary_ms, self.era, self.offset_ms = pts_ms, tick.era, tick.offset_ms
        return tick.msn

    def _near_boundary(self, pts_ms: int) -> bool:
        return self.boundary_ms is not None and pts_ms - self.boundary_ms >= SHORTEST_SEGMENT_MS - self.part_ms

    def _overdue(self, pts_ms: int) -> bool:
        """A segment that reaches the target duration without a keyframe is closed there."""
        return self.boundary_ms is not None and pts_ms - self.boundary_ms >= self.longest_ms

    def variant(self, kbit_s: int, fps: float) -> Variant:
        return Variant(self.writer.rendition, self.init.codec, kbit_s * 1000, self.init.width, self.init.height, fps)


class SourcePackager(VideoPackager):
    """The publisher's own video, which also says what the publisher sends."""

    def __init__(self, writer: Writer, part_ms: int, now_ms: Callable[[], int], profile: Profile | None) -> None:
        super().__init__(writer, part_ms, now_ms, profile)
        self.measure = Measure()
        self.measured_ms = FIRST_MEASURE_MS - MEASURE_EVERY_MS
        self.listed = profile is None or profile.lists_source
        self.absent = False

    def check(self, init: Init) -> None:
        pass

    def _overdue(self, pts_ms: int) -> bool:
        """Whoever switched to a segment without a keyframe would see nothing: then rather no source at all."""
        if super()._overdue(pts_ms):
            self.listed = False
        return False

    async def push(self, frame: Frame) -> None:
        self.measure.add(frame, self.ms(frame.dts))
        if self.measure.length_ms - self.measured_ms >= MEASURE_EVERY_MS:
            self.measured_ms = self.measure.length_ms
            await self.writer.measured(self.figures())
        if self.listed:
            await super().push(frame)
        elif not self.absent:
            self.absent = True
            await self.writer.report(None, self.now_ms())

    async def report(self) -> None:
        """A publisher that is not known yet is listed with its second keyframe, if that comes in time."""
        if self.profile is not None:
            kbit_s, fps, gop_ms = self.profile.kbit_s, self.profile.fps, round(self.profile.gop_s * 1000)
        elif self.measure.gop_ms:
            kbit_s, fps, gop_ms = self.measure.kbit_s, self.measure.fps, self.measure.gop_ms
        elif self.measure.longest_gop_ms > LONGEST_LISTED_GOP_S * 1000:
            kbit_s, fps, gop_ms = 0, 0.0, self.measure.longest_gop_ms
        else:
            self.reported = False
            return
        self.listed = gop_ms <= LONGEST_LISTED_GOP_S * 1000
        variant = self.variant(round(kbit_s * SOURCE_HEADROOM), fps) if self.listed else None
        self.listed = await self.writer.report(variant, self.now_ms(), gop_ms)

    def figures(self) -> dict[str, Any]:
        measure = self.measure
        return {
            "codec": self.init.codec,
            "width": self.init.width,
            "height": self.init.height,
            "fps": measure.fps,
            "gop_s": measure.longest_gop_ms / 1000,
            "kbit_s": measure.kbit_s,
            "b_frames": measure.reordered,
        }


class AudioPackager(Packager):
    """Cut at the first frame after a boundary of the video; waits until video has passed it."""

    def __init__(self, writer: Writer, part_ms: int, now_ms: Callable[[], int], clock: ClockView) -> None:
        super().__init__(writer, part_ms, now_ms)
        self.clock = clock
        self.era = self.offset_ms = 0

    async def push(self, frame: Frame) -> None:
        pts_ms = self.ms(frame.pts)
        self.check_jump(pts_ms)
        await self.clock.passed(pts_ms)
        msn = self.clock.number(pts_ms)
        if msn is None:
            return
        begins = msn if self.cutter.msn is None or msn > self.cutter.msn else None
        if begins is not None:
            await self.store(self.cutter.close(), self.era, self.offset_ms)
            self.era, self.offset_ms = self.clock.era, self.clock.offset_ms
        await self.store(self.cutter.push(frame, begins), self.era, self.offset_ms)
        if not self.reported:
            self.reported = True
            await self._report()

    async def _report(self) -> None:
        init = self.init
        await self.writer.measured({"codec": init.codec, "sample_rate": init.sample_rate, "channels": init.channels})
        if not await self.writer.report(Variant(AUDIO, init.codec, AUDIO_PEAK, channels=init.channels), self.now_ms()):
            raise Withdraw("audio came too late")


def packager(writer: Writer, part_ms: int, now_ms: Callable[[], int], profile: Profile | None, clock: ClockView) -> Packager:
    if writer.rendition == AUDIO:
        return AudioPackager(writer, part_ms, now_ms, clock)
    kind = SourcePackager if writer.rendition == SOURCE else VideoPackager
    return kind(writer, part_ms, now_ms, profile)
