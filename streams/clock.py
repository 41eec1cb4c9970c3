"""The segment clock as the audio job sees it: where video's segments begin, and how far video has got."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from streams import segment_cache
from streams.cache_scripts import CLOCK_TOLERANCE_MS, SHORTEST_SEGMENT_MS

log = logging.getLogger(__name__)

QUIET_S = 60
RETRY_S = 0.5
PATIENCE_MS = 500  # how much later than usual audio may get for video's sake


class ClockView:
    def __init__(self) -> None:
        self.era = 0
        self.offset_ms = 0
        self.pairs: list[tuple[int, int]] = []
        self.watermark_ms: int | None = None
        self._changed = asyncio.Condition()
        self._usual_lag_ms: float | None = None

    async def update(self, era: int, offset_ms: int, pairs: list[tuple[int, int]]) -> None:
        async with self._changed:
            self.era, self.offset_ms, self.pairs = era, offset_ms, pairs
            self._changed.notify_all()

    async def advance(self, pts_ms: int) -> None:
        async with self._changed:
            self.watermark_ms = pts_ms
            self._changed.notify_all()

    def number(self, pts_ms: int) -> int | None:
        """The media sequence number that a frame belongs to; None before the first."""
        return next((msn for msn, pts in reversed(self.pairs) if pts <= pts_ms + CLOCK_TOLERANCE_MS), None)

    def decided(self, pts_ms: int) -> bool:
        """Whether no boundary that is still to come can lie before this time."""
        if not self.pairs:
            return False
        newest = self.pairs[-1][1]
        if pts_ms < newest + SHORTEST_SEGMENT_MS:
            return True
        return self.watermark_ms is not None and self.watermark_ms >= pts_ms

    async def passed(self, pts_ms: int) -> None:
        """Wait until the frame's segment is decided: for ever before the first one, then for PATIENCE_MS at most."""
        async with self._changed:
            if not self.pairs:
                await self._changed.wait_for(lambda: bool(self.pairs))
            lag_ms = time.time() * 1000 - self.offset_ms - pts_ms
            self._usual_lag_ms = min(lag_ms, self._usual_lag_ms if self._usual_lag_ms is not None else lag_ms)
            patience_ms = self._usual_lag_ms + PATIENCE_MS - lag_ms
            if self.decided(pts_ms) or patience_ms <= 0:
                return
            try:
                async with asyncio.timeout(patience_ms / 1000):
                    await self._changed.wait_for(lambda: self.decided(pts_ms))
            except TimeoutError:
                return  # video is late: the cut comes one part late


@asynccontextmanager
async def follow(redis: Redis, broadcast_id: str) -> AsyncIterator[ClockView]:
    """A view that is kept up to date."""
    view = ClockView()
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(f"clock:{broadcast_id}")
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
            if message["type"] == "message" and message["data"] != b"pairs":
                await view.advance(int(message["data"]))
            else:  # the clock has changed, or changes may have been missed before this (re)subscription
                await _reload(redis, broadcast_id, view)
        except RedisError as error:
            log.warning("segment clock of %s: %s; trying again", broadcast_id, type(error).__name__)
            await asyncio.sleep(RETRY_S)


async def _reload(redis: Redis, broadcast_id: str, view: ClockView) -> None:
    clock = await segment_cache.clock(redis, broadcast_id)
    if clock:
        await view.update(*clock)
