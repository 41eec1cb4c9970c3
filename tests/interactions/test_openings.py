"""Whoever opens chats without end is told when to come again; those who come back after a restart come in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from interactions import openings
from interactions.chat import Chat
from interactions.openings import Openings
from interactions.protocol import Refused
from tests.interactions.rig import FakeModeration, Server, client, moderation, redis, room, say, who

__all__ = ["moderation", "redis", "room"]

HERE, THERE = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
async def named(settings: Settings) -> AsyncIterator[Redis]:
    """A process's client of Redis, whose connections can be told from others."""
    async with Redis.from_url(settings.CONTROL_REDIS_URL, client_name=f"openings-{secrets.token_hex(8)}") as client:
        yield client


@pytest.fixture
async def silent(settings: Settings) -> AsyncIterator[Redis]:
    """One that is paused: it takes what it is sent, and answers nothing."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    settings.STORE_TIMEOUT_S = 0.3
    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Redis(port=port, socket_timeout=5) as client:
        yield client


async def let_in(counting: Openings, address: str) -> bool:
    try:
        await counting.count(address)
    except Refused as refused:
        assert refused.code == "rate" and 0 < (refused.wait_ms or 0) <= 60_000
        return False
    return True


async def test_all_processes_count_together_whoever_comes_at_the_same_time(redis: Redis, named: Redis) -> None:
    processes = [Openings(client, sockets_per_address=2) for client in (redis, named)]
    asked = (let_in(processes[number % 2], f"2001:db8::{number:x}") for number in range(200))
    assert (await asyncio.gather(*asked)).count(True) == 2 * openings.TIMES
    assert await let_in(processes[0], "2001:db8:0:1::1")


async def test_those_who_come_at_once_share_few_connections(redis: Redis, named: Redis) -> None:
    counting = Openings(named, sockets_per_address=60)
    assert all(await asyncio.gather(*(let_in(counting, f"203.0.113.{number}") for number in range(200))))
    name = named.connection_pool.connection_kwargs["client_name"]
    assert [each["name"] for each in await redis.client_list()].count(name) <= openings.AT_A_TIME


async def test_while_redis_is_away_everybody_comes_in() -> None:
    async with Redis.from_url(NOWHERE) as nobody:
        counting = Openings(nobody, sockets_per_address=1)
        assert all([await let_in(counting, "203.0.113.7") for _ in range(2 * openings.TIMES)])


async def test_while_redis_is_paused_everybody_comes_in_before_long(silent: Redis) -> None:
    counting = Openings(silent, sockets_per_address=1)
    async with asyncio.timeout(1):
        assert all(await asyncio.gather(*(let_in(counting, "203.0.113.7") for _ in range(2 * openings.TIMES))))


async def bye(page: Any) -> dict[str, Any]:
    item: dict[str, Any] = await page.next("bye")
    assert await page.closed() == 4005
    return item


async def test_who_opens_too_many_is_told_when_to_come_again_by_whichever_process(
    moderation: FakeModeration, room: str, redis: Redis, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(openings, "TIMES", 2)
    settings.CHAT_SOCKETS_PER_ADDRESS = 3
    async with Server(Chat(moderation, who)) as one, Server(Chat(moderation, who)) as other:
        for server in (one, other) * 3:
            async with client(server, room, headers=HERE) as mallory:
                await mallory.hello()
        for server in (one, other):
            async with client(server, room, 17, headers=HERE) as mallory:
                await mallory.send(t="hello", v=1)
                item = await bye(mallory)
                assert item["reason"] == "rate" and 0 < item["retry_ms"] <= 70_000
        assert moderation.identified == []
        async with client(other, room, headers=THERE) as bob:
            await bob.hello()
            n = await say(redis, room, "hi")
            await bob.until(lambda: bob.last == n)


async def test_all_who_are_behind_one_address_come_back_after_a_restart_and_once_more(
    moderation: FakeModeration, room: str, settings: Settings
) -> None:
    settings.CHAT_SOCKETS_PER_ADDRESS = 60
    for _ in range(3):
        async with Server(Chat(moderation, who)) as server, AsyncExitStack() as stack:
            pages = [await stack.enter_async_context(client(server, room, headers=HERE)) for _ in range(60)]
            for page in pages:
                assert await page.hello()
