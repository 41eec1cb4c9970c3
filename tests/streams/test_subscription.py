"""One subscription for all that a process follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from streams import subscription
from streams.subscription import Subscription
from tests.log_lines import json_of
from tests.streams.rig import broadcast_id, cut, named, redis, until

__all__ = ["broadcast_id", "redis"]


class Listener:
    """Follows channels, and keeps what is said there; where that is "nonsense", it breaks."""

    def __init__(self, redis: Redis, *patterns: str) -> None:
        self.followed: set[str] = set()
        self.heard: list[tuple[str, str, bytes | int]] = []
        self.subscription = Subscription(redis, "segments", lambda: self.followed, self.deliver, *patterns)

    async def deliver(self, kind: str, channel: str, data: bytes | int) -> None:
        if data == b"nonsense":
            raise ValueError(data)
        self.heard.append((kind, channel, data))

    async def follow(self, *channels: str) -> None:
        """And waits until each is subscribed to."""
        self.followed.update(channels)
        await self.subscription.follow(*channels)
        await until(lambda: all(map(self.times, channels)))

    @property
    def said(self) -> list[tuple[str, bytes | int]]:
        return [(channel, data) for kind, channel, data in self.heard if kind.endswith("message")]

    def times(self, channel: str) -> int:
        """How often it was subscribed to."""
        return sum(kind == "subscribe" and of == channel for kind, of, _ in self.heard)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "QUIET_S", 0.05)
    monkeypatch.setattr(subscription, "RETRY_S", 0.05)


@pytest.fixture
async def listener(broadcast_id: str) -> AsyncIterator[Listener]:
    async with named(broadcast_id) as own:
        found = Listener(own, f"all:{broadcast_id}:*")
        yield found
        await found.subscription.close()


async def test_what_is_followed_at_once_is_heard_over_one_connection(
    listener: Listener, redis: Redis, broadcast_id: str
) -> None:
    channels = [f"{name}:{broadcast_id}" for name in ("one", "two", "three")]
    await asyncio.gather(*map(listener.follow, channels))
    for channel in [*channels, f"all:{broadcast_id}:of it"]:
        await redis.publish(channel, b"hi")
    await until(lambda: len(listener.said) == 4)
    assert len([each for each in await redis.client_list(_type="pubsub") if each["name"] == broadcast_id]) == 1


async def test_a_lost_connection_is_made_again_and_says_that_something_may_have_been_missed(
    listener: Listener, redis: Redis, broadcast_id: str
) -> None:
    await listener.follow(broadcast_id)
    assert listener.times(broadcast_id) == 1
    with json_of("streams.subscription") as written:
        await cut(redis, broadcast_id)
        await until(lambda: listener.times(broadcast_id) > 1)
    assert "segments Redis: " in written.last["message"] and "trying again" in written.last["message"]
    await redis.publish(broadcast_id, b"hi")
    await until(lambda: listener.said == [(broadcast_id, b"hi")])


async def test_what_is_not_understood_is_logged_and_the_next_is_heard(
    listener: Listener, redis: Redis, broadcast_id: str
) -> None:
    await listener.follow(broadcast_id)
    assert listener.times(broadcast_id) == 1
    with json_of("streams.subscription") as written:
        await redis.publish(broadcast_id, b"nonsense")
        await until(lambda: listener.times(broadcast_id) > 1)
    assert written.last["level"] == "ERROR" and "ValueError" in written.last["exception"]
    await redis.publish(broadcast_id, b"hi")
    await until(lambda: listener.said == [(broadcast_id, b"hi")])


async def test_what_is_no_longer_followed_is_unsubscribed_and_the_rest_is_not(
    listener: Listener, redis: Redis, broadcast_id: str
) -> None:
    kept = f"kept:{broadcast_id}"
    await listener.follow(broadcast_id, kept)
    listener.followed.discard(broadcast_id)
    await until(lambda: ("unsubscribe", broadcast_id) in [(kind, channel) for kind, channel, _ in listener.heard])
    await redis.publish(kept, b"hi")
    await until(lambda: listener.said == [(kept, b"hi")])
