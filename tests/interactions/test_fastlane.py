"""The shorter way through aiortc, between two real peers."""

from __future__ import annotations

import asyncio
import os

import pytest
from redis.asyncio import Redis

from interactions import fastlane
from tests.interactions.rig import Server, client, moderation, redis, room, say, server
from tests.interactions.rtc import Far, far_end, on_loopback, switch, upgrade

__all__ = ["moderation", "on_loopback", "redis", "room", "server"]

pytestmark = pytest.mark.usefixtures("on_loopback")


async def dropping(every: int, far: Far) -> None:
    """The far end's network loses each so-manieth datagram."""
    assert far.connection.sctp
    connection = far.connection.sctp.transport.transport._connection
    take, count = connection.data_received, 0

    def receive(data: bytes, component: int) -> None:
        nonlocal count
        count += 1
        if count % every:
            take(data, component)

    connection.data_received = receive  # type: ignore[method-assign]


async def test_nothing_is_lost_on_a_bad_network(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        switch(page, far)
        await dropping(5, far)
        for number in range(60):
            await say(redis, room, f"{number}", by=f"u{number % 9}")
            await asyncio.sleep(0)
        await page.until(lambda: page.last == 60)
        assert page.texts() == [f"{number}" for number in range(60)]


async def test_forged_datagrams_change_nothing(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        switch(page, far)
        (peer,) = server.chat.peers.open
        assert peer.chat
        take = peer.chat.chat.transport.transport.transport._connection.data_received
        for first in (20, 22, 23, 25, 63, 255):
            for size in (0, 1, 12, 13, 60, 1500):
                take(bytes([first]) * min(size, 1) + os.urandom(size), 1)
        take(b"", 1)
        await say(redis, room, "still here")
        await page.until(lambda: page.last == 1)
        assert far.got and page.texts() == ["still here"]


async def test_whoever_closes_is_forgotten_at_once(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as page:
        await page.hello()
        async with far_end() as far:
            await upgrade(page, far)
            assert len(server.chat.peers.open) == 1
        async with asyncio.timeout(3):
            while server.chat.peers.open:
                await asyncio.sleep(0.01)


async def test_a_library_that_waits_is_noticed() -> None:
    async def waits() -> None:
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="another version"):
        fastlane.finish(waits())
