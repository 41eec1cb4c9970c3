"""What encode jobs write into the segment cache."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from streams import cache_scripts, metrics
from streams.cache_client import until_writable
from streams.cache_scripts import TTL_S
from streams.hls.playlist import Variant
from streams.hls.timeline import Part
from streams.ladder import AUDIO
from streams.ring import Ring
from streams.segment_cache import HEALTH_SAMPLES, Clock, Opening, Tick, key_of

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 2
SCRIPTS = ("BEGIN", "OFFER", "TAKE", "INIT", "REPORT", "STORE", "REFILL", "BOUNDARY", "ERA", "RESHAPE", "NOTE")


class Fenced(Exception):
    """A newer epoch writes this rendition, or the broadcast has ended: stop."""


class Forgotten(Exception):
    """Redis has been emptied: prove the lease, then begin anew."""


class Writer:
    """One encode job's hand on its rendition: every call carries its epoch. Raises Fenced, Forgotten.

    With `bring_back`, it waits for a Redis that is away for a moment, and refills one that was emptied.
    """

    def __init__(self, redis: Redis, broadcast_id: str, rendition: str, epoch: int) -> None:
        self.redis = redis
        self.rendition = rendition
        self.epoch = epoch
        self.broadcast_id = broadcast_id
        self.keys = [key_of(broadcast_id, name) for name in (rendition, "master", "clock")]
        self.scripts = {name: redis.register_script(getattr(cache_scripts, name)) for name in SCRIPTS}
        self.ring = Ring()
        self.bring_back: Callable[[], Awaitable[None]] | None = None  # proves the lease, and calls `refill`

    async def _run(self, script: str, *args: str | bytes | int) -> Any:
        answer = await self._ask(script, *args)
        if answer == b"FORGOTTEN" and self.bring_back:
            await self.bring_back()
            answer = await self._ask(script, *args)
        if answer == b"FORGOTTEN":
            raise Forgotten
        return answer

    async def _ask(self, script: str, *args: str | bytes | int) -> Any:
        answer = await self._patiently(lambda: self.scripts[script](keys=self.keys, args=[self.epoch, *args]))
        if answer == b"FENCED":
            metrics.stale_writes.labels(self.rendition).inc()
            raise Fenced
        return answer

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Again, if Redis is there again soon: ffmpeg's pipe holds no more."""
        try:
            return await call()
        except (RedisConnectionError, RedisTimeoutError) as error:
            if self.bring_back is None:
                raise
            log.info("%s of %s: segments Redis: %s", self.rendition, self.broadcast_id, type(error).__name__)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await until_writable(self.redis)
            except TimeoutError:
                raise error from None
            return await call()

    async def refill(self, opening: Opening, clock: Clock, now_ms: int) -> None:
        """Bring back what this job knows: playlists go on where they were."""
        ring, fields = self.ring, opening.fields()
        known = (ring.report or "", ring.gop_ms, clock.encode(), now_ms)
        stored = (item for _, record, data in ring.parts for item in (record, data))
        await self._ask("REFILL", ring.counters(), ring.init, *known, len(fields), *fields, *stored)

    async def begin(self, opening: Opening) -> bool:
        """Put this epoch in force: lower ones are refused from now on. True where the one before has offered its place: then
        they are refused once this one has stored something."""
        return bool(await self._run("BEGIN", *opening.fields()) == b"OFFERED")

    async def offer(self) -> None:
        """Whoever begins next takes over without a gap."""
        await self._run("OFFER")

    async def take(self, msn: int) -> int:
        """Take the place that was offered; returns the first segment that is this one's, and no longer the other's."""
        return int(await self._run("TAKE", msn))

    async def init(self, data: bytes) -> int:
        """Store an init section; returns its number."""
        number = int(await self._run("INIT", data))
        self.ring.begin(number, data)
        return number

    async def report(self, variant: Variant | None, now_ms: int, gop_ms: int = 0) -> bool:
        """Say what this rendition is, or (None) that the broadcast is without it: again, where that has changed. False once the
        ladder is fixed without it."""
        text = "absent" if variant is None else json.dumps(asdict(variant))
        is_listed = bool(await self._run("REPORT", text, gop_ms, now_ms))
        self.ring.report, self.ring.gop_ms = text, gop_ms
        return is_listed

    async def store(self, part: Part, data: bytes, now_ms: int, frames: int = 0) -> int:
        """Store a part of so many frames and announce it; returns its number."""
        number = int(await self._run("STORE", part.encode(), data, now_ms, frames))
        self.ring.add(number, part, data, frames)
        metrics.media.labels(self.rendition).inc(part.duration_ms / 1000)
        metrics.part_latency.labels(self.rendition).observe((now_ms - part.at_ms - part.duration_ms) / 1000)
        return number

    async def boundary(self, era: int, pts_ms: int, now_ms: int) -> Tick | None:
        """Ask the segment clock which segment begins at this presentation time, if any does."""
        answer = await self._run("BOUNDARY", era, pts_ms, now_ms)
        return Tick(*answer) if answer else None

    async def era(self, own: int | None, stamp_ms: int, now_ms: int) -> tuple[int, int]:
        """The era of a stamp that has leapt from its `own` era or (None) is an encoder's first; and the stamp on its line."""
        era, near_ms = await self._run("ERA", -1 if own is None else own, stamp_ms, now_ms)
        return era, near_ms

    async def reshape(self, now_ms: int) -> None:
        """The picture has another size from now on: every encoder of it must begin anew."""
        await self._run("RESHAPE", now_ms)

    async def watermark(self, era: int, pts_ms: int) -> None:
        """Tell the audio job how far video has got."""
        await self._patiently(lambda: self.redis.publish(f"picture:{self.broadcast_id}", f"{era} {pts_ms}"))

    async def sounds(self) -> bool:
        """Whether sound has come from the publisher."""
        return bool(await self._patiently(lambda: self.redis.hexists(key_of(self.broadcast_id, "ingest"), AUDIO)))

    async def measured(self, figures: dict[str, Any]) -> None:
        key = key_of(self.broadcast_id, "ingest")

        async def keep() -> None:
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, self.rendition, json.dumps(figures))
                pipe.expire(key, TTL_S)
                await pipe.execute()

        await self._patiently(keep)

    async def note(self, figures: dict[str, Any]) -> None:
        """Keep a second of the source for its streamer's graphs: they are there again after a reload."""
        await self._run("NOTE", json.dumps(figures), HEALTH_SAMPLES)
