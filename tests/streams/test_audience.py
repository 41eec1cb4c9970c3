"""Counting viewers, on the real Redis."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from streams import audience
from streams.audience import ADDRESS_VIEWERS, HEARD_MS, NotCounted
from streams.beacon import Beacon
from tests.streams.rig import NOW, begun, broadcast_id, random_id, redis, variant

__all__ = ["broadcast_id", "redis"]

MINUTE = 60_000


@pytest.fixture(autouse=True)
async def live(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "360p")
    await writer.report(variant("360p"), NOW)


async def tell(
    redis: Redis, broadcast_id: str, number: int = 1, at_ms: int = 0, address: str = "192.0.2.1", **more: object
) -> int:
    said = {"watched_ms": 0, "stalls": 0, "rendition": "360p", "latency_ms": None, "buffer_ms": None, "leaves": False} | more
    return await audience.tell(redis, broadcast_id, address, Beacon(f"{number:016x}", **said), NOW + at_ms)  # type: ignore[arg-type]


async def now(redis: Redis, broadcast_id: str, at_ms: int = 0) -> int:
    return (await audience.watching(redis, [broadcast_id], NOW + at_ms))[broadcast_id]


async def test_whoever_plays_is_counted_once(redis: Redis, broadcast_id: str) -> None:
    assert await tell(redis, broadcast_id, 1) == 1
    assert await tell(redis, broadcast_id, 1, at_ms=15_000) == 1
    assert await tell(redis, broadcast_id, 2, at_ms=15_000) == 2
    assert await now(redis, broadcast_id, at_ms=15_000) == 2


async def test_whoever_says_nothing_any_more_has_gone(redis: Redis, broadcast_id: str) -> None:
    await tell(redis, broadcast_id, 1)
    assert await now(redis, broadcast_id, at_ms=HEARD_MS) == 1
    assert await now(redis, broadcast_id, at_ms=HEARD_MS + 1) == 0
    assert await tell(redis, broadcast_id, 2, at_ms=HEARD_MS + 1) == 1
    assert await redis.hgetall(f"audience:{{{broadcast_id}}}:from") != {}


async def test_whoever_leaves_is_gone_at_once(redis: Redis, broadcast_id: str) -> None:
    await tell(redis, broadcast_id, 1)
    assert await tell(redis, broadcast_id, 1, at_ms=5_000, leaves=True) == 0
    assert await redis.hgetall(f"audience:{{{broadcast_id}}}:from") == {}


async def test_one_address_counts_for_no_crowd(redis: Redis, broadcast_id: str) -> None:
    for number in range(ADDRESS_VIEWERS):
        await tell(redis, broadcast_id, number)
    with pytest.raises(NotCounted, match="FULL"):
        await tell(redis, broadcast_id, ADDRESS_VIEWERS)
    assert await tell(redis, broadcast_id, 7) == ADDRESS_VIEWERS  # who is known goes on
    assert await tell(redis, broadcast_id, 100, address="192.0.2.2") == ADDRESS_VIEWERS + 1
    await tell(redis, broadcast_id, 7, leaves=True)
    assert await tell(redis, broadcast_id, ADDRESS_VIEWERS) == ADDRESS_VIEWERS + 1


async def test_one_subscriber_s_ipv6_addresses_are_one(redis: Redis, broadcast_id: str) -> None:
    for number in range(ADDRESS_VIEWERS):
        await tell(redis, broadcast_id, number, address=f"2001:db8::{number:x}")
    with pytest.raises(NotCounted, match="FULL"):
        await tell(redis, broadcast_id, 999, address="2001:db8::ffff")


async def test_what_does_not_exist_has_no_viewers(redis: Redis, broadcast_id: str) -> None:
    elsewhere = random_id()
    with pytest.raises(NotCounted, match="UNKNOWN"):
        await tell(redis, elsewhere)
    with pytest.raises(NotCounted, match="RENDITION"):
        await tell(redis, broadcast_id, rendition="8k")
    assert await redis.keys(f"audience:{{{elsewhere}}}:*") == []
    assert await now(redis, broadcast_id) == 0


async def test_a_minute_has_its_figures(redis: Redis, broadcast_id: str) -> None:
    for number in (1, 2):
        await tell(redis, broadcast_id, number)
        await tell(
            redis, broadcast_id, number, at_ms=15_000, watched_ms=15_000, latency_ms=1000 * number, buffer_ms=500, stalls=1
        )
    await tell(redis, broadcast_id, 1, at_ms=MINUTE, watched_ms=15_000)
    began = int(await redis.hget(f"hls:{{{broadcast_id}}}:master", "began_ms") or 0)
    first = (NOW - began) // MINUTE
    found = await audience.pending(redis, broadcast_id, began, NOW + MINUTE + 6_000)
    assert found[first] == {
        "peak": 2,
        "stalls": 2,
        "watch_s": 30,
        "viewers": 0,
        "latency_ms": 1500,
        "buffer_ms": 500,
        "renditions": {"360p": 30},
    }
    assert first + 1 not in found  # it goes on


async def test_what_has_been_kept_is_forgotten_and_what_could_not_be_waits(redis: Redis, broadcast_id: str) -> None:
    await tell(redis, broadcast_id, 1)
    await tell(redis, broadcast_id, 1, at_ms=MINUTE)
    later = NOW + 5 * MINUTE
    minutes = sorted(await audience.pending(redis, broadcast_id, NOW, later))
    assert len(minutes) == 2
    await audience.forget(redis, broadcast_id, minutes[:1])
    assert sorted(await audience.pending(redis, broadcast_id, NOW, later)) == minutes[1:]


async def test_nobody_has_watched_longer_than_time_went_by(redis: Redis, broadcast_id: str) -> None:
    for at_ms in range(0, 2_001, 20):
        await tell(redis, broadcast_id, 1, at_ms=at_ms, watched_ms=90_000, stalls=100)
    for number in range(2, 50):  # coming and going is no watching either
        await tell(redis, broadcast_id, number, at_ms=2_000, watched_ms=90_000, stalls=100)
        await tell(redis, broadcast_id, number, at_ms=2_000, watched_ms=90_000, stalls=100, leaves=True)
    (found,) = (await audience.pending(redis, broadcast_id, NOW, NOW + 5 * MINUTE)).values()
    assert (found["watch_s"], found["peak"]) == (2, 2) and found["stalls"] == 0


async def test_a_minute_that_has_waited_too_long_is_no_minute_without_viewers(redis: Redis, broadcast_id: str) -> None:
    await tell(redis, broadcast_id, 1)
    await redis.delete(*[key async for key in redis.scan_iter(f"audience:{{{broadcast_id}}}:[0-9]*")])
    assert await audience.pending(redis, broadcast_id, NOW, NOW + 5 * MINUTE) == {}
    assert await redis.scard(f"audience:{{{broadcast_id}}}:pending") == 0


async def test_nobody_watches_what_has_ended(redis: Redis, broadcast_id: str) -> None:
    await tell(redis, broadcast_id, 1)
    await redis.hset(f"hls:{{{broadcast_id}}}:master", "ended", "1")
    assert await tell(redis, broadcast_id, 1, at_ms=3_000, watched_ms=3_000) == 0


def test_nobody_is_counted_while_redis_is_away(settings: Settings) -> None:
    settings.SEGMENTS_REDIS_URL = "redis://127.0.0.1:1/0"
    assert audience.viewers_now(["a" * 16]) == {}
    assert audience.viewers_now([]) == {}
