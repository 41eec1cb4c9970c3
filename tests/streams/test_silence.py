"""Whether a publisher still sends: by the RTMP server's count of bytes, and by what came out of the encoders."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from django.utils import timezone
from redis.asyncio import Redis

from streams import silence
from streams.models import Broadcast
from streams.rtmp import Stream
from streams.silence import SILENT_S
from tests.streams.rig import begun, broadcast_id, part, redis
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["broadcast_id", "redis", "rtmp_server"]

LONG = dt.timedelta(seconds=SILENT_S + 1)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "LOOK_S", 0.05)


@pytest.fixture
def broadcast(broadcast_id: str) -> Broadcast:
    return Broadcast(pk=broadcast_id, ingest_name="name", connected_at=timezone.now() - LONG)


async def is_silent(broadcast: Broadcast) -> bool:
    return await silence.is_silent(broadcast, timezone.now())


async def noted(redis: Redis, broadcast: Broadcast, at: dt.datetime) -> None:
    writer = await begun(redis, broadcast.pk, "source")
    await writer.note({"at_ms": int(at.timestamp() * 1000)})
    await writer.store(part(10), b"one", int(timezone.now().timestamp() * 1000))  # the last one, when its ffmpeg has ended


def sending(bytes_in: int) -> dict[str, Stream]:
    return {"name": Stream("7", 5, "H264", "AAC", bytes_in)}


async def test_who_sends_no_byte_is_silent(broadcast: Broadcast, rtmp_server: RtmpServer) -> None:
    rtmp_server.streams = sending(100)
    assert await is_silent(broadcast)


async def test_who_sends_although_nothing_is_encoded_is_not(broadcast: Broadcast, rtmp_server: RtmpServer) -> None:
    rtmp_server.streams = sending(100)
    asking = asyncio.create_task(is_silent(broadcast))
    async with asyncio.timeout(2):
        while rtmp_server.looks == 0:
            await asyncio.sleep(0.005)
    rtmp_server.streams = sending(101)
    assert not await asking


async def test_whose_picture_is_new_is_not(broadcast: Broadcast, rtmp_server: RtmpServer, redis: Redis) -> None:
    rtmp_server.streams = sending(100)
    await noted(redis, broadcast, timezone.now() - dt.timedelta(seconds=SILENT_S - 1))
    assert not await is_silent(broadcast)


async def test_what_is_stored_of_it_at_the_end_is_no_news(broadcast: Broadcast, rtmp_server: RtmpServer, redis: Redis) -> None:
    rtmp_server.streams = sending(100)
    await noted(redis, broadcast, timezone.now() - LONG)
    assert await is_silent(broadcast)


async def test_who_has_just_connected_is_not(broadcast: Broadcast, rtmp_server: RtmpServer) -> None:
    """The RTMP server knows of it when the hook has let it in."""
    broadcast.connected_at = timezone.now()
    assert not await is_silent(broadcast)
    rtmp_server.streams = sending(100)
    assert not await is_silent(broadcast)


async def test_who_is_not_there_any_more_is(broadcast: Broadcast, rtmp_server: RtmpServer, redis: Redis) -> None:
    await noted(redis, broadcast, timezone.now())
    assert await is_silent(broadcast)
