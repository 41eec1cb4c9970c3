"""The segment clock as an encode job sees it: its era, where segments begin, and how far the picture has got."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from streams import segment_cache
from streams.cache_scripts import BEHIND_MS, CLOCK_TOLERANCE_MS, SHORTEST_SEGMENT_MS
from streams.hls.stamps import nearest
from streams.segment_cache import Clock, Tick

log = logging.getLogger(__name__)

QUIET_S = 60
RETRY_S = 0.5
PATIENCE_MS = 500  # how much later than usual audio may get for video's sake
AHEAD_MS = 10_000  # so far before the picture may sound be


class ClockView:
    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.clock = Clock(era=0, offset_ms=0, pairs=[], at_ms=0, shape=0)
        self.watermark_ms: int | None = None
        self._changed = asyncio.Condition()
        self._usual_lag_ms: float | None = None

    @property
    def era(self) -> int:
        return self.clock.era

    @property
    def offset_ms(self) -> int:
        return self.clock.offset_ms

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return self.clock.pairs

    @property
    def shape(self) -> int:
        return self.clock.shape

    async def update(self, clock: Clock) -> None:
        async with self._changed:
            if clock.era != self.era:
                self.watermark_ms = self._usual_lag_ms = None
            self.clock = clock
            self._changed.notify_all()

    async def advance(self, era: int, pts_ms: int) -> None:
        async with self._changed:
            if era == self.era:
                self.watermark_ms = max(pts_ms, self.watermark_ms or pts_ms)
                self._changed.notify_all()

    def place(self, stamp_ms: int) -> int | None:
        """A stamp of sound on the line of this era's pictures; None where it is far from them."""
        if not self.pairs:
            return None
        due_ms = self.pairs[-1][1] + self.now_ms() - self.clock.at_ms
        near_ms = nearest(stamp_ms, due_ms)
        return near_ms if due_ms - BEHIND_MS <= near_ms <= due_ms + AHEAD_MS else None

    def number(self, pts_ms: int) -> int | None:
        """The media sequence number that a frame belongs to; None before the first."""
        return next((msn for msn, pts in reversed(self.pairs) if pts <= pts_ms + CLOCK_TOLERANCE_MS), None)

    def tick(self, pts_ms: int) -> Tick | None:
        """The segment that a frame belongs to; None before the first."""
        number = self.number(pts_ms)
        return None if number is None else Tick(number, self.era, self.offset_ms)

    def until_boundary_ms(self, pts_ms: int) -> int:
        """How long it is until the next segment, if this one becomes as long as the last; 0 where that is not known."""
        if len(self.pairs) < 2:
            return 0
        (_, before), (_, newest) = self.pairs[-2:]
        return max(newest + (newest - before) - pts_ms, 0)

    def decided(self, pts_ms: int) -> bool:
        """Whether no boundary that is still to come can lie before this time."""
        if not self.pairs:
            return False
        newest = self.pairs[-1][1]
        if pts_ms < newest + SHORTEST_SEGMENT_MS:
            return True
        return self.watermark_ms is not None and self.watermark_ms >= pts_ms

    async def begun(self) -> None:
        """Wait for the era's first segment."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self.pairs))

    async def moves(self) -> None:
        """Wait until the picture has got further."""
        async with self._changed:
            await self._changed.wait()

    async def passed(self, pts_ms: int) -> None:
        """Wait until the frame's segment is decided, or its era is over, for PATIENCE_MS at most."""
        await self.begun()
        async with self._changed:
            era = self.era
            lag_ms = time.monotonic() * 1000 - pts_ms
            self._usual_lag_ms = min(lag_ms, self._usual_lag_ms if self._usual_lag_ms is not None else lag_ms)
            patience_ms = self._usual_lag_ms + PATIENCE_MS - lag_ms
            if self.decided(pts_ms) or patience_ms <= 0:
                return
            try:
                async with asyncio.timeout(patience_ms / 1000):
                    await self._changed.wait_for(lambda: self.era != era or self.decided(pts_ms))
            except TimeoutError:
                return  # video is late: the cut comes one part late


@asynccontextmanager
async def follow(
    redis: Redis, broadcast_id: str, now_ms: Callable[[], int], watermarks: bool = False
) -> AsyncIterator[ClockView]:
    """A view that is kept up to date; with `watermarks`, which come often, of how far the picture has got, too."""
    view = ClockView(now_ms)
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(f"clock:{broadcast_id}", *([f"picture:{broadcast_id}"] if watermarks else []))
        await _reload(redis, broadcast_id, view)
        listening = asyncio.create_task(_listen(redis, pubsub, broadcast_id, view))
        try:
            yield view
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _listen(redis: Redis, pubsub: PubSub, broadcast_id: str, view: ClockView) -> None:
    while True:
        try:
            message = await pubsub.get_message(timeout=QUIET_S)
            if message is None:
                continue
            if message["type"] == "message" and message["channel"].startswith(b"picture:"):
                era, pts_ms = map(int, message["data"].split())
                await view.advance(era, pts_ms)
            else:  # the clock has changed, or changes may have been missed before this (re)subscription
                await _reload(redis, broadcast_id, view)
        except RedisError as error:
            log.warning("segment clock of %s: %s; trying again", broadcast_id, type(error).__name__)
            await asyncio.sleep(RETRY_S)
        except Exception:  # a job with a clock that stands would look alive
            log.exception("an announcement of %s was not understood; listening on", broadcast_id)
            await asyncio.sleep(RETRY_S)


async def _reload(redis: Redis, broadcast_id: str, view: ClockView) -> None:
    clock = await segment_cache.clock(redis, broadcast_id)
    if clock:
        await view.update(clock)
