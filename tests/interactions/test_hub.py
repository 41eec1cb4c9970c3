"""One process's rooms against the real Redis, when that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings
from redis.asyncio import Redis

from interactions import hub as hubs
from interactions import room_log
from interactions.chat import Chat
from interactions.hub import Hub
from interactions.protocol import Refused
from interactions.room_log import Restored
from streams import subscription
from streams.cache_client import control
from tests.interactions.rig import (
    SETTINGS,
    FakeModeration,
    Server,
    client,
    forget,
    moderation,
    random_room,
    redis,
    room,
    say,
    server,
    who,
)
from tests.interactions.test_room import FakeTransport
from tests.streams.test_cache_client import relay

__all__ = ["moderation", "redis", "room", "server"]

SOON_S = 3.0


async def restore(name: str) -> Restored:
    return Restored(SETTINGS)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    found = Hub(control(), restore)
    yield found
    await found.close()
    await found.redis.aclose()


async def until(condition: Any) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_room_is_opened_once_for_all_who_enter_it_at_once(hub: Hub, room: str) -> None:
    found = await asyncio.gather(*(hub.enter(room) for _ in range(50)))
    assert len({id(each) for each in found}) == 1


async def test_whoever_is_in_a_room_that_is_gone_is_shown_out(
    hub: Hub, redis: Redis, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its channel was deleted, or is called something else by now."""
    monkeypatch.setattr(hubs, "HERE_S", 0.05)
    codes: list[int] = []
    found = await hub.enter(room)
    found.join(FakeTransport(), codes.append)

    async def nobody(name: str) -> Restored:
        raise Refused("no_room")

    hub.restore = nobody
    await room_log.move(redis, room, random_room())
    await until(lambda: codes)
    assert codes == [4004] and not found.sessions


async def test_whoever_enters_hears_what_restoring_raises(hub: Hub, redis: Redis) -> None:
    async def nobody(name: str) -> Restored:
        raise Refused("no_room")

    hub.restore = nobody
    name = random_room()
    for _ in range(2):
        with pytest.raises(Refused):
            await hub.enter(name)
    assert hub.rooms == {}
    assert await redis.exists(f"chat:{{{name}}}:room") == 0


async def test_a_room_in_redis_is_entered_without_postgresql(hub: Hub, room: str) -> None:
    async def away(name: str) -> Restored:
        raise OperationalError

    hub.restore = away
    assert (await hub.enter(room)).settings == SETTINGS


async def test_a_room_that_everybody_has_left_is_forgotten(
    hub: Hub, redis: Redis, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HERE_S", 0.05)
    monkeypatch.setattr(hubs, "IDLE_S", 0.1)
    monkeypatch.setattr(subscription, "QUIET_S", 0.05)
    await hub.enter(room)
    await until(lambda: not hub.rooms)

    async def listeners() -> int:
        return (await redis.pubsub_numsub(room_log.channel(room)))[0][1]

    async with asyncio.timeout(SOON_S):
        while await listeners():
            await asyncio.sleep(0.02)
    assert (await hub.enter(room)).name == room


async def test_a_process_that_has_gone_deaf_notices(hub: Hub, redis: Redis, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "HERE_S", 0.1)
    found = await hub.enter(room)
    await hub._subscription._pubsub.unsubscribe(room_log.channel(room))
    await asyncio.sleep(0.1)
    await say(redis, room, "hi")
    await until(lambda: found.heard == 1)


async def test_a_redis_that_has_lost_the_latest_items_is_believed(
    hub: Hub, redis: Redis, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HERE_S", 0.1)
    found = await hub.enter(room)
    for text in ("one", "two", "three"):
        await say(redis, room, text)
    await until(lambda: found.heard == 3)
    await asyncio.sleep(0.25)
    await redis.hset(f"chat:{{{room}}}:room", "n", 1)
    await redis.xdel(f"chat:{{{room}}}:log", "2-0", "3-0")
    await until(lambda: found.heard == 1)


async def test_settings_come_back_after_redis_was_emptied(
    hub: Hub, redis: Redis, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HERE_S", 0.1)
    found = await hub.enter(room)
    epoch = found.epoch
    await forget(redis, room)
    await until(lambda: found.epoch != epoch)
    assert found.settings == SETTINGS
    assert (await room_log.state(redis, room)).settings == SETTINGS


async def test_while_redis_is_silent_writers_are_told_and_readers_stay(
    settings: Settings, moderation: FakeModeration, redis: Redis, room: str
) -> None:
    settings.SEGMENTS_REDIS_URL = settings.CONTROL_REDIS_URL
    async with relay(settings) as running:
        settings.CONTROL_REDIS_URL = settings.SEGMENTS_REDIS_URL
        async with Server(Chat(moderation, who)) as server, client(server, room, 17) as bob:
            await bob.hello()
            assert (await bob.say("one"))["t"] == "ok"
            running.clear()
            assert (await bob.say("two"))["code"] == "busy"
            running.set()
            assert bob.socket.close_code is None
            await say(redis, room, "three", by="u2")
            await bob.until(lambda: "three" in bob.texts(), within_s=8)
            assert bob.texts().count("one") == 1
