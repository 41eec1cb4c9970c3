"""One process's view of the broadcasts that are being watched: one Redis subscription, whatever the number of viewers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import segment_cache
from streams.hls import playlist
from streams.hls.timeline import Timeline, decode
from streams.segment_cache import Master

log = logging.getLogger(__name__)

IDLE_S = 60
QUIET_S = 5
RETRY_S = 0.5


class Timeout(Exception):
    """What was waited for did not come."""


class Watch:
    """A broadcast: its constants, and a timeline per rendition."""

    def __init__(self, redis: Redis, broadcast_id: str) -> None:
        self.redis = redis
        self.broadcast_id = broadcast_id
        self.master: Master | None = None
        self.timelines: dict[str, Timeline] = {}
        self.used_at = time.monotonic()
        self.waiting = 0
        self._texts: dict[str, tuple[int, bytes]] = {}
        self._changed = asyncio.Condition()

    async def reload(self) -> None:
        master = await segment_cache.master(self.redis, self.broadcast_id)
        names = set(self.timelines) | {v.name for v in (master.variants if master and master.variants else [])}
        timelines = {name: await self._timeline(name) for name in names}
        async with self._changed:
            self.master, self.timelines = master, timelines
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
        if timeline is None or record.number > timeline.number + 1:
            timeline = await self._timeline(rendition)
            async with self._changed:
                self.timelines[rendition] = timeline
                self._changed.notify_all()
        elif timeline.follows(record):
            async with self._changed:
                timeline.apply(record)
                self._changed.notify_all()

    async def until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Raises Timeout."""
        self.used_at = time.monotonic()
        if ready():
            return
        self.waiting += 1
        try:
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

    def text(self, rendition: str, constants: playlist.Constants) -> bytes:
        """The rendered playlist, made once for all who wait for it."""
        timeline = self.timelines[rendition]
        number, text = self._texts.get(rendition, (-1, b""))
        if number != timeline.number:
            text = playlist.media(timeline, constants).encode()
            self._texts[rendition] = (timeline.number, text)
        return text


class Watches:
    """Every watched broadcast, and the one subscription that keeps them up to date."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._watches: dict[str, Watch] = {}
        self._opening: dict[str, asyncio.Task[Watch | None]] = {}
        self._pages: dict[str, set[asyncio.Event]] = {}
        self._pubsub = redis.pubsub()
        self._listening: asyncio.Task[None] | None = None

    async def get(self, broadcast_id: str) -> Watch | None:
        """None where there is no such broadcast."""
        if watch := self._watches.get(broadcast_id):
            return watch
        opening = self._opening.get(broadcast_id)
        if opening is None:
            opening = self._opening[broadcast_id] = asyncio.create_task(self._open(broadcast_id))
            opening.add_done_callback(lambda _: self._opening.pop(broadcast_id, None))
        return await asyncio.shield(opening)

    async def _open(self, broadcast_id: str) -> Watch | None:
        watch = Watch(self.redis, broadcast_id)
        if await segment_cache.master(self.redis, broadcast_id) is None:
            return None
        self._watches[broadcast_id] = watch
        await self._subscribe(f"hls:{broadcast_id}")
        await watch.reload()
        return watch

    async def page_change(self, channel: str, timeout_s: float) -> None:
        """Wait until the channel's page changes, or for `timeout_s`."""
        waiters = self._pages.setdefault(channel, set())
        event = asyncio.Event()
        waiters.add(event)
        try:
            await self._subscribe(f"live:{channel}")
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return
        finally:
            waiters.discard(event)
            if not waiters:
                self._pages.pop(channel, None)

    async def _subscribe(self, channel: str) -> None:
        if channel.encode() not in self._pubsub.channels:
            await self._pubsub.subscribe(channel)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._pubsub.get_message(timeout=QUIET_S)
                if message is not None:
                    await self._deliver(message["type"], message["channel"].decode(), message["data"])
                await self._forget_idle()
            except RedisError as error:
                log.warning("segments Redis: %s; trying again", type(error).__name__)
                await asyncio.sleep(RETRY_S)

    async def _deliver(self, kind: str, channel: str, data: bytes | int) -> None:
        prefix, _, name = channel.partition(":")
        if prefix == "live":
            for event in self._pages.get(name, ()):
                event.set()
            return
        watch = self._watches.get(name)
        if watch is None:
            return
        if kind == "subscribe":  # also after a reconnection, when announcements may have been missed
            await watch.reload()
        elif isinstance(data, bytes):
            await watch.hear(data.decode())

    async def _forget_idle(self) -> None:
        now = time.monotonic()
        idle = [i for i, watch in self._watches.items() if not watch.waiting and now - watch.used_at > IDLE_S]
        for broadcast_id in idle:
            del self._watches[broadcast_id]
        unread = [c for c in self._pubsub.channels if not self._read(c.decode())]
        if unread:
            await self._pubsub.unsubscribe(*unread)

    def _read(self, channel: str) -> bool:
        prefix, _, name = channel.partition(":")
        return name in (self._pages if prefix == "live" else self._watches)
