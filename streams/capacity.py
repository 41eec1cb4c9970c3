"""What there is room for: the encoder pool's workers say how many slots they have, leases how many are wanted, and Redis
`segments` how full it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import leases, segment_cache
from streams.segment_cache import with_segments

log = logging.getLogger(__name__)

WORKERS = "encoders"  # sorted set: WORKER:SLOTS → when last heard, by Redis' own clock
ANNOUNCE_S = 2
HEARD_S = 7

# KEYS workers; ARGV WORKER:SLOTS
ANNOUNCE = """
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
"""
# KEYS workers → WORKER:SLOTS of all that live
LIVING = f"""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1] - {HEARD_S})
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


BROADCAST_BYTES = 140 * 2**20  # its parts, as long as they are kept: of a source of 6 Mbit/s, and its transcodes


@asynccontextmanager
async def announced(worker: str, slots: int, leaving: asyncio.Event) -> AsyncIterator[None]:
    """Until it is leaving."""
    async with segment_cache.connect() as redis:
        await _announce(redis, f"{worker}:{slots}")
        announcing = asyncio.create_task(_keep_announcing(redis, f"{worker}:{slots}", leaving))
        try:
            yield
        finally:
            announcing.cancel()
            with suppress(RedisError):
                await redis.zrem(WORKERS, f"{worker}:{slots}")


async def _announce(redis: Redis, member: str) -> None:
    try:
        await redis.eval(ANNOUNCE, 1, WORKERS, member)
    except RedisError as error:
        log.warning("segments Redis: %s; slots are announced again", type(error).__name__)


async def _keep_announcing(redis: Redis, member: str, leaving: asyncio.Event) -> None:
    while not leaving.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(ANNOUNCE_S):
                await leaving.wait()
                break
        await _announce(redis, member)
    with suppress(RedisError):
        await redis.zrem(WORKERS, member)


async def slots(redis: Redis, but: str = "") -> int | None:
    """Of all workers that live, but one; None where none has said so: whether one encodes is then seen when it does."""
    members = [member.decode().rpartition(":") for member in await redis.eval(LIVING, 1, WORKERS)]
    return sum(int(number) for worker, _, number in members if worker != but) if members else None


def has_memory() -> bool:
    """For one more broadcast, or parts would go before their time. Raises RedisError."""
    memory = with_segments(lambda redis: redis.info("memory"))
    return not memory["maxmemory"] or memory["used_memory"] + BROADCAST_BYTES <= memory["maxmemory"]


def room() -> int:
    """For how many more renditions; none, where nobody has said so. Raises RedisError."""
    return max(_free() or 0, 0)


def cut(ladder: list[str]) -> list[str]:
    """As much of it as there is room for: source, sound and the lowest come first. Raises RedisError."""
    free = _free()
    return ladder if free is None else ladder[: max(free, 0)]


def _free() -> int | None:
    """The caller's transaction takes of it what it will; until it ends, others wait here."""
    total = with_segments(slots)
    if total is None:
        return None
    leases.alone_in_taking()
    return total - leases.wanted()
