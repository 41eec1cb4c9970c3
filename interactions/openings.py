"""How often one address opens a chat, counted in Redis for all processes."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from django.conf import settings
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from interactions.protocol import Refused
from streams import limits
from streams.addresses import network

log = logging.getLogger(__name__)

NAME = "chat sockets"
TIMES = 20  # a minute, for each that an address may have at one process: after a restart all come again, and some once more
AT_A_TIME = 8  # each has a connection to Redis: else all of those who come at once would have one of their own


class Openings:
    def __init__(self, redis: Redis, sockets_per_address: int) -> None:
        self.rate = parse(f"{TIMES * sockets_per_address}/minute")
        storage = RedisStorage(
            f"async+{settings.CONTROL_REDIS_URL}",
            implementation="redispy",
            key_prefix=limits.PREFIX,
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # annotated as what a URL may say
        )
        self._limiter = FixedWindowRateLimiter(storage)
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def count(self, address: str) -> None:
        """Raises Refused: rate. While Redis is away, everybody is let in."""
        who = network(address)
        try:
            async with asyncio.timeout(settings.STORE_TIMEOUT_S), self._turns:
                if await self._limiter.hit(self.rate, NAME, who):
                    return
                until = (await self._limiter.get_window_stats(self.rate, NAME, who)).reset_time
        except (RedisError, TimeoutError) as error:
            log.warning("%s are not counted: %s", NAME, type(error).__name__)
            return
        raise Refused("rate", max(0, math.ceil((until - time.time()) * 1000)))
