"""One process's view of the broadcasts that are being watched, whatever the number of viewers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import logged, metrics, segment_cache
from streams.hls import playlist
from streams.hls.timeline import BadRecord, Timeline, decode
from streams.segment_cache import Master
from streams.subscription import Subscription

log = logging.getLogger(__name__)

PAGES = "live:*"
OPEN_S = 3
IDLE_S = 60
# Requests for different things that wait at the same time. Each keeps two of the edge's threads (250 per core); a broadcast
# that is watched needs a dozen, and its page one or two.
HELD_PER_CORE = 60
PAGES_HELD_PER_CORE = 40


class Timeout(Exception):
    """What was waited for did not come."""


class Watch:
    """A broadcast: its constants, and a timeline per rendition."""

    def __init__(self, redis: Redis, broadcast_id: str, room: asyncio.Semaphore) -> None:
        self.redis = redis
        self.broadcast_id = broadcast_id
        self.room = room
        self.master: Master | None = None
        self.timelines: dict[str, Timeline] = {}
        self.loaded = False
        self.used_at = time.monotonic()
        self.waiting = 0
        self._texts: dict[tuple[str, bool], tuple[int, bytes]] = {}
        self._changed = asyncio.Condition()

    async def reload(self) -> None:
        master = await segment_cache.master(self.redis, self.broadcast_id)
        names = set(self.timelines) | {v.name for v in (master.variants if master and master.variants else [])}
        timelines = {name: await self._timeline(name) for name in names}
        async with self._changed:
            self.master, self.timelines, self.loaded = master, timelines, True
            self._texts.clear()
            self._changed.notify_all()

    async def _timeline(self, rendition: str) -> Timeline:
        return Timeline(await segment_cache.timeline(self.redis, self.broadcast_id, rendition))

    async def hear(self, message: str) -> None:
        """Take in what was announced; a gap in the numbers means that something was missed."""
        rendition, _, text = message.partition(" ")
        if not text:  # "master" or "end"
            await self.reload()
            return
        record = decode(text)
        timeline = self.timelines.get(rendition)
        if timeline is None or timeline.lacks_before(record):
            timeline = await self._timeline(rendition)
            async with self._changed:
                self.timelines[rendition] = timeline
                self._texts.clear()
                self._changed.notify_all()
        elif timeline.follows(record):
            async with self._changed:
                timeline.apply(record)
                self._changed.notify_all()

    async def until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Raises Timeout; at once, where too many wait already."""
        if ready():
            return
        if self.room.locked():
            metrics.turned_away.labels("process").inc()
            raise Timeout
        async with self.room:
            await self.wait_for(ready, timeout_s)

    async def wait_for(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Raises Timeout."""
        self.waiting += 1
        try:
            with metrics.waiting.track_inprogress():
                async with asyncio.timeout(timeout_s), self._changed:
                    await self._changed.wait_for(ready)
        except TimeoutError as error:
            raise Timeout from error
        finally:
            self.waiting -= 1

    @property
    def sealed(self) -> bool:
        return self.master is not None and self.master.variants is not None

    def lists(self, rendition: str) -> bool:
        variants = self.master.variants if self.master else None
        return any(variant.name == rendition for variant in variants or [])

    def playable(self, rendition: str) -> bool:
        """Players do best when the first list they see already has picture and sound."""
        variants = self.master.variants if self.master else None
        audio = [v.name for v in variants or [] if not v.width]
        return all(name in self.timelines and self.timelines[name].started for name in [rendition, *audio])

    def text(self, rendition: str, constants: playlist.Constants, skip: bool = False) -> bytes:
        """The rendered playlist or its delta update, made once for all who wait for it."""
        timeline = self.timelines[rendition]
        number, text = self._texts.get((rendition, skip), (-1, b""))
        if number != timeline.number:
            text = playlist.media(timeline, constants, self._reports(rendition), skip).encode()
            self._texts[rendition, skip] = (timeline.number, text)
        return text

    def _reports(self, rendition: str) -> list[playlist.Report]:
        """What the other renditions have to say, as far as this process has heard."""
        return [
            playlist.Report(name, timeline.last_msn, timeline.last_part)
            for name, timeline in self.timelines.items()
            if name != rendition and timeline.started and self.lists(name)
        ]


class Watches:
    """Every watched broadcast, and what keeps them up to date."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._watches: dict[str, Watch] = {}
        self._opening: dict[str, asyncio.Task[Watch | None]] = {}
        self._pages: dict[str, set[asyncio.Event]] = {}
        cores = os.cpu_count() or 1
        self._room = asyncio.Semaphore(HELD_PER_CORE * cores)
        self._pages_room = asyncio.Semaphore(PAGES_HELD_PER_CORE * cores)
        self._subscription = Subscription(redis, "segments", self._followed, self._deliver, PAGES)

    async def get(self, broadcast_id: str) -> Watch | None:
        """None where there is no such broadcast."""
        opening = self._opening.get(broadcast_id)
        if opening is None:
            if watch := self._watches.get(broadcast_id):
                watch.used_at = time.monotonic()
                return watch
            opening = self._opening[broadcast_id] = asyncio.create_task(self._open(broadcast_id))
            opening.add_done_callback(lambda _: self._opening.pop(broadcast_id, None))
        return await asyncio.shield(opening)

    async def _open(self, broadcast_id: str) -> Watch | None:
        if await segment_cache.master(self.redis, broadcast_id) is None:
            return None
        watch = self._watches[broadcast_id] = Watch(self.redis, broadcast_id, self._room)
        try:
            await self._subscription.follow(_channel(broadcast_id))
            await watch.wait_for(lambda: watch.loaded, OPEN_S)
        except (RedisError, Timeout):
            self._watches.pop(broadcast_id, None)
            raise
        return watch

    async def page(self, channel: str, after: str, timeout_s: float) -> dict[str, Any] | None:
        """What the channel's page shows, as soon as that is no longer `after`, or after `timeout_s`.

        At once, where too many wait already.
        """
        if self._pages_room.locked():
            return await segment_cache.shown(self.redis, channel)
        async with self._pages_room:
            with metrics.waiting.track_inprogress():
                return await self._changed_page(channel, after, timeout_s)

    async def _changed_page(self, channel: str, after: str, timeout_s: float) -> dict[str, Any] | None:
        self._subscription.begin()
        changed = asyncio.Event()
        waiters = self._pages.setdefault(channel, set())
        waiters.add(changed)
        page = None
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    page = await segment_cache.shown(self.redis, channel)
                    if after != str(page["n"]) if page else not after:  # a page is kept for a day: it soon is there again
                        return page
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return page
        finally:
            waiters.discard(changed)
            if not waiters:
                self._pages.pop(channel, None)

    async def close(self) -> None:
        await self._subscription.close()

    async def _deliver(self, kind: str, channel: str, data: bytes | int) -> None:
        _, _, name = channel.partition(":")
        if kind == "psubscribe":
            self._wake(*self._pages)
        elif kind == "pmessage":
            self._wake(name)
        elif watch := self._watches.get(name):
            await _tell(watch, kind, data)

    def _wake(self, *channels: str) -> None:
        for channel in channels:
            for changed in self._pages.get(channel, ()):
                changed.set()

    def _followed(self) -> list[str]:
        """Of what is watched: that ends where nobody has asked for it lately."""
        now = time.monotonic()
        self._watches = {i: watch for i, watch in self._watches.items() if watch.waiting or now - watch.used_at <= IDLE_S}
        return [_channel(broadcast_id) for broadcast_id in self._watches]


async def _tell(watch: Watch, kind: str, data: bytes | int) -> None:
    try:
        if kind == "subscribe":
            await watch.reload()
        elif isinstance(data, bytes):
            await watch.hear(data.decode())
    except BadRecord as error:
        with logged.logged(broadcast=watch.broadcast_id):
            log.error("broadcast %s: %s", watch.broadcast_id, error)
    except Exception:  # who listens logs it
        logged.note(broadcast=watch.broadcast_id)
        raise


def _channel(broadcast_id: str) -> str:
    return f"hls:{broadcast_id}"
