"""All rooms of one process, and what keeps them up to date."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from interactions import metrics, room_log
from interactions.room import Room
from interactions.room_log import LOG_ITEMS, Entry, Refused, Restored, State
from streams import logged
from streams.subscription import Subscription

log = logging.getLogger(__name__)

OPEN_S = 3
REACTIONS_S = 0.25
HERE_S = 5
IDLE_S = 60

Restore = Callable[[str], Awaitable[Restored]]


class Seen(NamedTuple):
    """At the last look."""

    n: int  # what Redis had
    heard: int


class Unavailable(Exception):
    """The room could not be opened now."""


class Hub:
    """RESTORE says what PostgreSQL knows of a room; what it raises, whoever enters hears."""

    def __init__(self, redis: Redis, restore: Restore) -> None:
        self.redis = redis
        self.restore = restore
        self.process = secrets.token_hex(4)
        self.rooms: dict[str, Room] = {}
        self._left_at: dict[str, float] = {}
        self._opening: dict[str, asyncio.Task[Room]] = {}
        self._loaded: dict[str, asyncio.Event] = {}
        self._seen: dict[str, Seen] = {}
        self._subscription = Subscription(redis, "control", self._followed, self._deliver)
        self._tasks: list[asyncio.Task[None]] = []

    # --- coming and going -------------------------------------------------------------------------------------------------

    async def enter(self, name: str) -> Room:
        """Raises Unavailable, RedisError, and what `restore` raises."""
        opening = self._opening.get(name)
        if opening is None:
            if room := self.rooms.get(name):
                self._left_at.pop(name, None)
                return room
            opening = self._opening[name] = asyncio.create_task(self._open(name))
            opening.add_done_callback(lambda _: self._opening.pop(name, None))
        return await asyncio.shield(opening)

    async def _open(self, name: str) -> Room:
        await self._restore(name)
        loaded = self._loaded[name] = asyncio.Event()
        room = self.rooms[name] = Room(name)
        try:
            self._start()
            await self._subscription.follow(*_channels(name))
            async with asyncio.timeout(OPEN_S):
                await loaded.wait()
        except BaseException as error:
            self._forget(name)
            if isinstance(error, TimeoutError):
                raise Unavailable(name) from error
            raise
        return room

    async def _restore(self, name: str) -> State:
        """The room's state, which is put back first where Redis does not know it, or not all of it."""
        state = await room_log.state(self.redis, name)
        if state.settings is not None:
            return state
        await room_log.restore(self.redis, name, await self.restore(name), _now_ms())
        return await room_log.state(self.redis, name)

    def _forget(self, name: str) -> None:
        for kept in (self.rooms, self._loaded, self._left_at, self._seen):
            kept.pop(name, None)

    def _start(self) -> None:
        if not self._tasks:
            with logged.apart():
                self._tasks = [asyncio.create_task(each) for each in (self._show_reactions(), self._look())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._subscription.close()

    # --- what is announced ------------------------------------------------------------------------------------------------

    def _followed(self) -> list[str]:
        return [channel for name in self.rooms for channel in _channels(name)]

    async def _deliver(self, kind: str, channel: str, data: bytes | int) -> None:
        about, _, name = channel.partition(":")
        if room := self.rooms.get(name):
            try:
                await self._take_in(room, about, kind, data)
            except Exception:
                logged.note(room=name)  # for the line that says so
                raise

    async def _take_in(self, room: Room, channel: str, kind: str, data: bytes | int) -> None:
        if kind == "subscribe" and channel == "chat":
            await self._load(room)
        elif not isinstance(data, bytes):
            return
        elif channel == "rx":
            room.reactions.update(json.loads(data))
        elif channel == "chat":
            epoch, n, text = data.decode().split(" ", 2)
            await self._take(room, epoch, Entry(int(n), text))

    async def _take(self, room: Room, epoch: str, entry: Entry) -> None:
        """A hole in the numbers means that something was missed."""
        if epoch != room.epoch or entry.n > room.heard + LOG_ITEMS:
            await self._load(room)
            return
        if entry.n > room.heard + 1:
            await self.catch_up(room)
        if room.hear(entry) in ("room", "sys"):
            room.take_in(await room_log.state(self.redis, room.name))

    async def catch_up(self, room: Room) -> None:
        """Read what Redis has, and has not told yet."""
        for missed in await room_log.since(self.redis, room.name, room.heard):
            room.hear(missed)

    async def _load(self, room: Room, anew: bool = False) -> None:
        state = await room_log.state(self.redis, room.name)
        if room.load(state, await room_log.tail(self.redis, room.name, LOG_ITEMS), anew):
            for session in list(room.sessions):
                session.begin_anew()
        if loaded := self._loaded.get(room.name):
            loaded.set()

    # --- every now and then -----------------------------------------------------------------------------------------------

    async def _show_reactions(self) -> None:
        """Taps go out and reactions come in four times a second, however many there are."""
        while True:
            await asyncio.sleep(REACTIONS_S)
            now = time.monotonic()
            for room in list(self.rooms.values()):
                room.show_reactions()
                room.look_after(now)
                if room.taps:
                    await self._announce_taps(room)

    async def _announce_taps(self, room: Room) -> None:
        taps, heat = dict(room.taps), dict(room.heat)
        room.taps.clear()
        room.heat.clear()
        try:
            await room_log.react(self.redis, room.name, taps, heat)
        except RedisError as error:
            with logged.logged(room=room.name):
                log.warning("reactions are lost: %s", type(error).__name__)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(HERE_S)
            for room in list(self.rooms.values()):
                with logged.logged(room=room.name):
                    await self._look_after(room)
            self._publish()
            self._forget_idle()

    async def _look_after(self, room: Room) -> None:
        try:
            await self._count(room)
            await self._check(room)
        except Refused:
            room.close()  # its channel is gone, or called something else
        except RedisError as error:
            log.warning("control Redis: %s", type(error).__name__)
        except Exception:  # PostgreSQL may be away: the next look tries again
            log.exception("room %s could not be looked after", room.name)

    def _publish(self) -> None:
        metrics.sessions.set(sum(len(room.sessions) for room in self.rooms.values()))
        metrics.tally.publish()

    async def _count(self, room: Room) -> None:
        here = await room_log.here(self.redis, room.name, self.process, len(room.sessions), _now_ms())
        if here != room.here:
            room.here = here
            room.tell_all({"t": "here", "count": here})

    async def _check(self, room: Room) -> None:
        """Whether this process has gone deaf to the room, or Redis has lost something."""
        state = await self._restore(room.name)
        seen, self._seen[room.name] = self._seen.get(room.name), Seen(state.n, room.heard)
        if state.epoch != room.epoch:
            await self._load(room)
        elif seen and (seen.n > room.heard or state.n < seen.heard):
            await self._load(room, anew=state.n < seen.heard)

    def _forget_idle(self) -> None:
        now = time.monotonic()
        for name, room in list(self.rooms.items()):
            if room.sessions or name in self._opening:
                self._left_at.pop(name, None)
            elif now - self._left_at.setdefault(name, now) > IDLE_S:
                self._forget(name)


def _channels(name: str) -> tuple[str, str]:
    return room_log.channel(name), room_log.reactions(name)


def _now_ms() -> int:
    return int(time.time() * 1000)
