import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings
from redis.exceptions import RedisError

from streams import segment_cache

PATIENCE_S = 0.3


@asynccontextmanager
async def server(settings: Settings, reads: bool) -> AsyncIterator[None]:
    """Something that listens where Redis should be, and never answers."""
    done = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reads:
            await reader.read()
        await done.wait()
        writer.close()

    listening = await asyncio.start_server(hang, "127.0.0.1", limit=1024)
    settings.SEGMENTS_REDIS_URL = f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
    settings.STORE_TIMEOUT_S = PATIENCE_S
    try:
        yield
    finally:
        done.set()
        listening.close()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_paused_redis_hangs_nobody(settings: Settings, reads: bool) -> None:
    async with server(settings, reads), segment_cache.connect() as redis:
        began = time.monotonic()
        with pytest.raises(RedisError):
            await redis.set("key", b"x" * 10_000_000)
    assert time.monotonic() - began < 2 * PATIENCE_S + 0.5


@asynccontextmanager
async def relay(settings: Settings) -> AsyncIterator[asyncio.Event]:
    """The real Redis, which goes silent once the event is cleared."""
    real = urlsplit(settings.SEGMENTS_REDIS_URL)
    running = asyncio.Event()
    running.set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await running.wait()
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(real.hostname, real.port)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1")
    port = listening.sockets[0].getsockname()[1]
    settings.SEGMENTS_REDIS_URL = real._replace(netloc=f":{real.password}@127.0.0.1:{port}").geturl()
    settings.STORE_TIMEOUT_S = PATIENCE_S
    try:
        yield running
    finally:
        running.set()
        listening.close()


async def test_a_redis_that_goes_silent_hangs_nobody(settings: Settings) -> None:
    async with relay(settings) as running, segment_cache.connect() as redis:
        await redis.set("relay", b"one", ex=5)
        running.clear()
        began = time.monotonic()
        with pytest.raises(RedisError):
            await redis.get("relay")
        assert time.monotonic() - began < 2 * PATIENCE_S + 0.5
        running.set()
        assert await redis.get("relay") == b"one"


async def test_a_redis_that_is_down_is_an_error_at_once(settings: Settings) -> None:
    async with server(settings, reads=True):
        pass
    async with segment_cache.connect() as redis:
        began = time.monotonic()
        with pytest.raises(RedisError):
            await redis.get("key")
    assert time.monotonic() - began < 1
