"""Turns one rendition's frames into parts in the cache, cut where the broadcast's segment clock says."""

from __future__ import annotations

from abc import ABC, abstractmethod

from streams.cache_scripts import CLOCK_TOLERANCE_MS, SHORTEST_SEGMENT_MS
from streams.cache_writer import Writer
from streams.clock import ClockView
from streams.hls import fmp4
from streams.hls.cutter import Cut, Cutter
from streams.hls.fmp4 import Frame, Init
from streams.hls.pace import Pace
from streams.hls.playlist import Variant
from streams.hls.stamps import Line, within_turn
from streams.hls.timeline import Part
from streams.ladder import BY_NAME, GOP_S, RUNGS, SOURCE, Profile, kept_fps
from streams.segment_cache import Tick

SILENCE_S = 5.0  # without a fragment: the stream is over
TELL_MS = 50
REFUSED_MS = 4000


class Withdraw(Exception):
    """The broadcast does without this rendition."""


class Again(Exception):
    """This ffmpeg is of no more use; another one would be."""


class Packager(ABC):
    """What all renditions have in common: init sections, stamps on the clock's line, storing."""

    def __init__(self, writer: Writer, part_ms: int, clock: ClockView) -> None:
        self.writer = writer
        self.part_ms = part_ms
        self.clock = clock
        self.now_ms = clock.now_ms
        self.stored = 0
        self.patience_s: float | None = None
        self.init: Init
        self.init_number = 0  # none yet
        self.segment: Tick | None = None  # the one that is open
        self.last: Frame | None = None
        self.pace = Pace()
        self.first: int | None = 0  # the first segment that is its own; None: to be told by the encoder before

    def expect(self) -> None:
        """A new ffmpeg has been started, and waits for the publisher."""
        self.patience_s = None

    async def begin(self, init: Init) -> None:
        """It writes."""
        if not self.init_number:
            self.check(init)
        if not self.init_number or init.data != self.init.data:
            self.init_number = await self.writer.init(init.data)
        self.init, self.line = init, Line(init.timescale)
        self.cutter = Cutter(init.timescale, self.part_ms)
        self.shape, self.patience_s = self.clock.shape, SILENCE_S

    async def end(self) -> None:
        """It has ended: what is open will not become longer."""
        if self.init_number:
            await self.store(self.cutter.leave())

    def check(self, init: Init) -> None:  # noqa: B027 most have nothing to check
        """Raises Withdraw where this rendition makes no sense."""

    async def push(self, frame: Frame) -> None:
        """Raises Withdraw, Again, and what the Writer raises."""
        if self.line.look(frame):
            await self.find(frame)
        if placed := self.line.place(frame):
            self.last = placed
            await self.take(placed)

    @abstractmethod
    async def find(self, frame: Frame) -> None:
        """Settle stamps that have leapt, or are an ffmpeg's first, where they belong, if that can be told."""

    @abstractmethod
    async def take(self, frame: Frame) -> None:
        """A frame on the clock's line."""

    def pause_ms(self) -> float:
        """For so long nothing comes that could not wait."""
        if self.last is None or self.segment is None or self.line.astray:
            return 0
        keyframe_ms = self.clock.until_boundary_ms(self.ms(self.last.pts)) - self.ms(self.last.duration)
        delay_ms = self.now_ms() - self.segment.offset_ms - self.ms(self.last.dts)
        return self.pace.pause_ms(min(keyframe_ms, fmp4.ms(self.cutter.quiet, self.init.timescale)), delay_ms)

    async def idle(self) -> bool:
        """Nothing has come for `patience_s`: whether to wait on."""
        return False

    def ms(self, ticks: int) -> int:
        return self.line.ms(ticks)

    async def store(self, cuts: list[Cut]) -> None:
        for cut in cuts:
            assert self.segment
            if self.first is None or cut.msn < self.first:
                continue
            part = Part(
                number=0,
                epoch=self.writer.epoch,
                msn=cut.msn,
                era=self.segment.era,
                init=self.init_number,
                at_ms=self.segment.offset_ms + self.ms(cut.start),
                duration_ms=fmp4.ms(cut.duration, self.init.timescale),
                independent=cut.independent,
            )
            await self.writer.store(part, fmp4.part(cut.frames, self.stored + 1), self.now_ms(), len(cut.frames))
            self.stored += 1

    async def cut(self, frame: Frame, tick: Tick | None) -> None:
        """Add a frame; `tick` where it begins a segment."""
        if tick:
            await self.store(self.cutter.close())  # what is open still belongs to the segment before
            self.segment = tick
            if self.first is None:
                self.first = await self.writer.take(tick.msn)
        await self.store(self.cutter.push(frame, tick.msn if tick else None))


class VideoPackager(Packager):
    """A transcode."""

    def __init__(self, writer: Writer, part_ms: int, clock: ClockView, profile: Profile | None, is_fixed: bool = False) -> None:
        super().__init__(writer, part_ms, clock)
        self.profile = profile
        self.is_fixed = is_fixed  # the ladder is: a smaller source is no reason to withdraw
        self.listed: bool | None = None  # None: not decided
        self.boundary_ms = self.delay = self.told_ms = self.refused_ms = 0
        self.gop_ms = round(max(GOP_S, profile.gop_s if profile and profile.lists_source else 0) * 1000)
        self.longest_ms = self.gop_ms + SHORTEST_SEGMENT_MS - 2 * CLOCK_TOLERANCE_MS
        self.is_lowest = writer.rendition == RUNGS[0].name

    async def begin(self, init: Init) -> None:
        before = self.init_number
        await super().begin(init)
        if self.listed and self.init_number != before:
            self.listed = None  # it is another picture: that is said with its first frame

    def check(self, init: Init) -> None:
        rung = BY_NAME[self.writer.rendition]
        is_known = self.is_fixed or self.profile is not None
        if rung is not RUNGS[0] and min(init.width, init.height) < rung.size and not is_known:
            raise Withdraw(f"the source is smaller than {rung.name}")

    async def take(self, frame: Frame) -> None:
        self.check_shape()
        stored, tick = self.stored, await self._tick(frame)
        if tick is None and self.segment and self.segment.era != self.line.era:
            await self.store(self.cutter.leave())
        if tick and frame.key:
            self.delay = frame.pts - frame.dts
        # decoding times like those of a transcode: players place what comes after a discontinuity by them
        await self.cut(frame._replace(dts=frame.dts + self.delay), tick)
        if self.listed is None:
            await self.decide()
        if self.segment:
            pts_ms = self.ms(frame.pts)
            is_news = self._near_boundary(pts_ms) and not 0 <= pts_ms - self.told_ms < TELL_MS
            if is_news or self.stored > stored:
                await self._tell(self.segment, pts_ms)

    def check_shape(self) -> None:
        if self.clock.shape != self.shape:
            raise Again("the picture has another size")

    async def find(self, frame: Frame) -> None:
        if frame.key:
            stamp_ms = self.ms(frame.dts)
            era, near_ms = await self.writer.era(self.line.left, within_turn(stamp_ms), self.now_ms())
            self.line.settle(era, near_ms - stamp_ms)

    async def decide(self) -> None:
        rung = BY_NAME[self.writer.rendition]
        fps = kept_fps(self.profile.fps) if self.profile else 0
        self.listed = await self.writer.report(self.variant(rung.peak_bit_s, fps), self.now_ms(), self.gop_ms)
        if not self.listed:
            raise Withdraw(f"{rung.name} came too late")

    async def _tick(self, frame: Frame) -> Tick | None:
        """Where a segment begins: at a keyframe that is a boundary; without one where another rendition has begun a segment,
        or where this one would become too long."""
        if self.cutter.msn is None and not frame.key:
            return None
        pts_ms = self.ms(frame.pts)
        tick = None
        if not frame.key and self.clock.era == self.line.era:
            tick = self._newer(self.clock.tick(pts_ms))
        if frame.key or (tick is None and self._overdue(frame)):
            tick = self._newer(await self.writer.boundary(self.line.era, pts_ms, self.now_ms()))
            self._check_refused(frame, tick)
        if tick:
            self.boundary_ms, self.line.era = pts_ms, tick.era
        return tick

    def _check_refused(self, frame: Frame, tick: Tick | None) -> None:
        """Another rendition alone has leapt, say: a new ffmpeg joins the era that is on."""
        self.refused_ms = 0 if tick else self.refused_ms + self.ms(frame.duration)
        if self.refused_ms > REFUSED_MS:
            self.refused_ms = 0
            raise Again("its segments are refused")

    def _newer(self, tick: Tick | None) -> Tick | None:
        return tick if tick and (self.segment is None or tick.msn > self.segment.msn) else None

    async def _tell(self, segment: Tick, pts_ms: int) -> None:
        """Audio goes on as far as the picture has got. One of the two that tell it may be missing for a while."""
        if self.is_lowest or self.writer.rendition == SOURCE:
            self.told_ms = pts_ms
            await self.writer.watermark(segment.era, pts_ms)

    def _near_boundary(self, pts_ms: int) -> bool:
        """Where the end of a part of sound may wait for every word; the rendition that is always there has them."""
        return self.is_lowest and pts_ms - self.boundary_ms >= SHORTEST_SEGMENT_MS - TELL_MS

    def pause_ms(self) -> float:
        return 0 if self.last and self._near_boundary(self.ms(self.last.pts)) else super().pause_ms()

    def _overdue(self, frame: Frame) -> bool:
        """A segment that would cross the target duration without a keyframe is closed before."""
        return self.ms(frame.pts + frame.duration) - self.boundary_ms > self.longest_ms

    def variant(self, bit_s: int, fps: float) -> Variant:
        return Variant(self.writer.rendition, self.init.codec, bit_s, self.init.width, self.init.height, fps)
