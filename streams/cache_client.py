"""Connections to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from django.conf import settings
from redis import asyncio as redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

RETRY_S = 0.1


def segments() -> redis.Redis:
    return client(settings.SEGMENTS_REDIS_URL)


def control() -> redis.Redis:
    return client(settings.CONTROL_REDIS_URL)


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        connection_class=Connection,
        socket_timeout=settings.STORE_TIMEOUT_S,
        socket_connect_timeout=1,
        driver_info=None,  # it would be read from the disk for each connection, and told in two commands
    )


async def until_writable(client: redis.Redis) -> None:
    """Until it answers, and has room."""
    while True:
        try:
            await client.set("room", "", px=1)
            return
        except RedisError:
            await asyncio.sleep(RETRY_S)


class Connection(redis.Connection):
    """Sends within a `timeout` block: `wait_for`, which redis-py uses, loses a cancellation now and then in Python 3.11."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        patience, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(patience):
                await super().send_packed_command(command, check_health)
        except TimeoutError as error:
            raise RedisTimeoutError("Timeout writing to socket") from error
        finally:
            self.socket_timeout = patience
