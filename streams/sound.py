"""The sound of a broadcast: cut where its pictures are, and silence where none comes, so that no player waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from streams.cache_scripts import SHORTEST_SEGMENT_MS
from streams.cache_writer import Writer
from streams.clock import ClockView
from streams.hls import fmp4
from streams.hls.fmp4 import Frame, Init
from streams.hls.playlist import Variant
from streams.hls.stamps import Line
from streams.ladder import AUDIO, AUDIO_KBIT_S
from streams.measure import Measure, Recent
from streams.packager import Again, Packager, Withdraw

LOOK_S = 0.1  # how often silence is made where nothing comes
QUIET_MS = 1000  # sound that is later than this is not waited for
STALE_MS = 3000  # by then sound and picture should have leapt both
HUNG_S = 20  # without a byte
RATE, CHANNELS = 48_000, 2
# stamps that stand still for so many frames have gone back: ffmpeg's muxers write them so
STUCK_FRAMES = 10
STUCK_MS = 5


class Silence(NamedTuple):
    init: Init
    frame: Frame


MakeSilence = Callable[[int, int], Awaitable[Silence]]  # of a sample rate and a number of channels


class AudioPackager(Packager):
    def __init__(self, writer: Writer, part_ms: int, clock: ClockView, make_silence: MakeSilence) -> None:
        super().__init__(writer, part_ms, clock)
        self.make_silence = make_silence
        self.silence: Silence | None = None
        self.measure = Measure()
        self.recent = Recent()
        self.ends = (-1, 0)  # the era, and where in it what is stored ends (ticks)
        self.heard = (-1, 0)  # the era, and how far the picture had got when sound came (ms)
        self.hushed = self.reported = False
        self.stale_ms = self.idle_s = 0.0

    def expect(self) -> None:
        self.patience_s, self.idle_s = LOOK_S, 0.0

    async def begin(self, init: Init) -> None:
        if self.init_number and alike(init) != alike(self.init):
            raise fmp4.Unsupported(f"{init.codec}, other than what was there before")
        if self.init_number:
            self.line = Line(init.timescale, self.line.era, self.line.left)
        else:
            await super().begin(init)
            self.expect()
        self.stuck_ms, self.stuck = 0, 0
        await self.writer.measured(self._facts())

    async def push(self, frame: Frame) -> None:
        self.idle_s = 0.0
        self._check_stuck(self.ms(frame.dts))
        await super().push(frame)

    def _facts(self) -> dict[str, Any]:
        return {"codec": self.init.codec, "sample_rate": self.init.sample_rate, "channels": self.init.channels}

    async def _look(self, frame: Frame) -> None:
        now_ms = self.now_ms()
        self.recent.add(len(frame.data), self.ms(frame.dts), now_ms)
        if figures := self.recent.look(now_ms):
            await self.writer.measured(self._facts() | figures | {"era": self.line.era})

    def _check_stuck(self, stamp_ms: int) -> None:
        if abs(stamp_ms - self.stuck_ms) > STUCK_MS:
            self.stuck_ms, self.stuck = stamp_ms, 0
        self.stuck += 1
        if self.stuck > STUCK_FRAMES:
            self.line.left = self.line.era
            raise Again("the stamps have gone back")

    async def find(self, frame: Frame) -> None:
        """Sound belongs where the picture is, which alone begins eras."""
        if self.line.left is None:
            await self.clock.begun()
        elif self.clock.era == self.line.left:
            self.stale_ms += fmp4.ms(frame.duration, self.init.timescale)
            if self.stale_ms >= STALE_MS:
                self.line.left = None
            await self._hush()  # the picture soon will leap, too
            return
        stamp_ms = self.ms(frame.dts)
        near_ms = self.clock.place(stamp_ms)
        if near_ms is None:
            await self._hush()
        elif self.clock.number(near_ms) is not None:
            self.shape = self.clock.shape
            self.line.settle(self.clock.era, near_ms - stamp_ms)

    async def take(self, frame: Frame) -> None:
        await self._look(frame)
        if self.clock.era == self.line.era:
            await self.clock.passed(self.ms(frame.pts))
        if self.clock.era != self.line.era:
            await self._lag(frame)
        elif not self._covered(frame):
            if self.hushed:
                await self._fill(self.ms(frame.pts))
            self.hushed, self.stale_ms = False, 0.0
            self.heard = self.clock.era, self.clock.watermark_ms or self.ms(frame.pts)
            await self._add(frame)

    async def _lag(self, frame: Frame) -> None:
        """The picture has leapt, and the sound soon will. Where it does not, it is taken along."""
        reshaped = self.clock.shape != self.shape  # without a leap, but there is no picture for a while
        if not reshaped:
            await self.cut(frame, None)
            self.stale_ms += fmp4.ms(frame.duration, self.init.timescale)
        if self.segment and (reshaped or self.stale_ms >= STALE_MS):
            leap_ms = self.segment.offset_ms - self.clock.offset_ms
            if self.clock.number(self.ms(frame.dts) + leap_ms) is not None:
                self.shape = self.clock.shape
                self.line.settle(self.clock.era, self.line.shift_ms + leap_ms)

    def _covered(self, frame: Frame) -> bool:
        """Whether there is silence already."""
        return self.ends[0] == self.line.era and frame.dts < self.ends[1] - frame.duration // 2

    async def _add(self, frame: Frame) -> None:
        tick = self.clock.tick(self.ms(frame.pts))
        if tick is None:
            return
        begins = self.cutter.msn is None or tick.msn > self.cutter.msn
        await self.cut(frame, tick if begins else None)
        self.measure.add(frame, fmp4.ms(frame.duration, self.init.timescale))
        self.ends = tick.era, frame.dts + frame.duration
        if self.stored and not self.reported:
            await self._report()

    async def _report(self) -> None:
        self.reported = True
        peak = max(self.init.bit_rate, self.measure.kbit_s * 1000, AUDIO_KBIT_S * 1000)  # what was measured may be silence
        if not await self.writer.report(Variant(AUDIO, self.init.codec, peak, channels=self.init.channels), self.now_ms()):
            raise Withdraw("audio came too late")

    # --- silence ----------------------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """The publisher may be gone: where the picture has begun a segment and the sound had not, players would find a gap, and
        hls.js loads no parts after one until a whole segment has come."""
        await super().end()
        await self._hush()

    async def idle(self) -> bool:
        self.idle_s += LOOK_S
        if self.idle_s >= HUNG_S:
            raise Again("nothing comes")
        await self._hush()
        return True

    async def _hush(self) -> None:
        """Silence up to where the picture is, and a part further: players have little more than that in store."""
        era, until_ms = self.clock.era, self.clock.watermark_ms
        if until_ms is None or not self.clock.pairs:
            return
        heard_ms = self.heard[1] if self.heard[0] == era else self.clock.pairs[-1][1]
        if until_ms - heard_ms < QUIET_MS and not self.hushed:
            return
        self.hushed = True
        if self.silence is None:
            self.silence = await self.make_silence(*self._kind())
        if not self.init_number:
            await super().begin(self.silence.init)
            self.patience_s = LOOK_S
        if self.clock.era != era or not self.clock.pairs:
            return  # the picture has leapt meanwhile
        if self.ends[0] != era:
            self.ends = era, self.line.ticks(self._begins_ms(until_ms))
        decided_ms = self.clock.pairs[-1][1] + SHORTEST_SEGMENT_MS
        await self._fill(max(until_ms, min(until_ms + self.part_ms, decided_ms)))

    def _begins_ms(self, until_ms: int) -> int:
        """With the segment, of which another job may have stored something."""
        begins_ms = self.clock.pairs[-1][1]
        return begins_ms if self.stored or self.writer.epoch == 1 else max(begins_ms, until_ms - QUIET_MS)

    async def _fill(self, until_ms: int) -> None:
        if self.silence is None or self.ends[0] != self.clock.era:
            return
        era, frame = self.clock.era, self.silence.frame
        for dts in range(self.ends[1], self.line.ticks(until_ms) - frame.duration + 1, frame.duration):
            if self.clock.era == era:
                await self._add(frame._replace(dts=dts, pts=dts))

    def _kind(self) -> tuple[int, int]:
        return (self.init.timescale, self.init.channels or CHANNELS) if self.init_number else (RATE, CHANNELS)


def alike(init: Init) -> tuple[str, int, int]:
    return init.codec, init.timescale, init.channels
