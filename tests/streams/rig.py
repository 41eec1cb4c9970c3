"""What tests of the streaming core share: Redis, a broadcast nobody else has, and media made by hand or by ffmpeg."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache

import pytest
from django.conf import settings
from django.db import connection
from redis.asyncio import Redis

from accounts.models import Channel, User
from streams import segment_cache
from streams.cache_client import Connection
from streams.cache_writer import Writer
from streams.hls import fmp4
from streams.hls.fmp4 import Frame, Init
from streams.hls.playlist import Variant
from streams.hls.timeline import Part
from streams.ladder import Profile
from streams.segment_cache import Master, Opening, Tick

NOW = 1_700_000_000_000  # Unix ms: rules are given their time
PART_MS = 350
SOON_S = 2.0
EXPECTED = ["source", "audio", "360p"]
RATE = 48_000
SOUND_FRAME = 1024

H264 = Init(b"init", "video", "avc1.64001F", 1000, width=640, height=360)
AAC = Init(b"init", "audio", "mp4a.40.2", RATE, sample_rate=RATE, channels=2)
KNOWN = Profile(width=640, height=360, fps=25.0, gop_s=2.0, kbit_s=900)

STAMPS = "-use_editlist 0 -avoid_negative_ts disabled"
MUXER = f"-f mp4 -movflags +empty_moov+default_base_moof+frag_every_frame+frag_discont+skip_trailer {STAMPS}"
PICTURE = "-f lavfi -i testsrc2=s=160x90:r=25:d=5 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50"
RED = "-f lavfi -i color=red:s=640x360:r=25:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"
TONE = "-f lavfi -i sine=r=48000:d=5 -c:a aac"


def now_ms() -> int:
    return int(time.time() * 1000)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.02)


def random_id() -> str:
    return secrets.token_hex(8)


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    async with segment_cache.connect() as client:
        yield client


@asynccontextmanager
async def named(name: str) -> AsyncIterator[Redis]:
    """A client whose connections can be told from others, so that a test can cut them."""
    found: Redis = Redis.from_url(settings.SEGMENTS_REDIS_URL, client_name=name, connection_class=Connection)
    try:
        yield found
    finally:
        await found.aclose()


async def cut(redis: Redis, name: str) -> None:
    """Break the subscriptions of the client of this name."""
    for client in await redis.client_list(_type="pubsub"):
        if client["name"] == name:
            await redis.client_kill_filter(_id=client["id"])


def own_channel(reconnect_s: int = 0) -> Channel:
    """What its page shows is in a Redis that the running site uses, too: so nobody else has the name."""
    name = f"alice_{random_id()}"
    owner = User.objects.create_user(f"{name}@example.org")
    return Channel.objects.create(owner=owner, name=name, reconnect_s=reconnect_s)


@pytest.fixture
def clean_queue(transactional_db: None) -> Iterator[None]:
    """The job tables are not Django's to empty after a test that commits."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


def opening(broadcast_id: str, expected: list[str] | None = None, began_ms: int = NOW) -> Opening:
    return Opening(broadcast_id, began_ms, PART_MS, EXPECTED if expected is None else expected)


@pytest.fixture
async def broadcast_id(redis: Redis) -> str:
    """A broadcast that has just been opened."""
    name = random_id()
    await segment_cache.open_broadcast(redis, opening(name))
    return name


async def flush(redis: Redis, broadcast_id: str) -> None:
    """As if Redis had been emptied, for this broadcast alone."""
    keys = [key async for key in redis.scan_iter(match=f"hls:{{{broadcast_id}}}:*", count=1000)]
    await redis.delete(*keys)


async def sealed(redis: Redis, broadcast_id: str) -> Master:
    master = await segment_cache.master(redis, broadcast_id)
    assert master is not None
    return master


async def begun(redis: Redis, broadcast_id: str, rendition: str, epoch: int = 1) -> Writer:
    writer = Writer(redis, broadcast_id, rendition, epoch)
    await writer.begin(opening(broadcast_id))
    return writer


async def boundary(writer: Writer, pts_ms: int, now_ms: int = NOW, era: int = 0) -> Tick:
    """The segment that begins there."""
    tick = await writer.boundary(era, pts_ms, now_ms)
    assert tick
    return tick


def part(msn: int, at_ms: int = NOW, duration_ms: float = 333.0, independent: bool = False, epoch: int = 1) -> Part:
    return Part(0, epoch, msn, era=0, init=1, at_ms=at_ms, duration_ms=duration_ms, independent=independent)


def variant(name: str, width: int = 640, height: int = 360) -> Variant:
    if name == "audio":
        return Variant(name, "mp4a.40.2", 128_000, channels=2)
    return Variant(name, "avc1.64001F", 800_000, width, height, 25.0)


def video(start_ms: int, count: int, every: int = 50, frame_ms: int = 40) -> list[Frame]:
    """25 frames per second, a keyframe first and after each `every`."""
    stamps = [start_ms + number * frame_ms for number in range(count)]
    return [Frame(pts, pts, frame_ms, number % every == 0, b"picture") for number, pts in enumerate(stamps)]


def sound(start_ms: int, until_ms: int) -> list[Frame]:
    """Ticks are samples."""
    first, last = start_ms * RATE // 1000, until_ms * RATE // 1000
    return [Frame(pts, pts, SOUND_FRAME, True, b"sound") for pts in range(first, last, SOUND_FRAME)]


@cache
def fragments(source: str) -> bytes:
    """What ffmpeg writes on an encode job's pipe for this input and codec."""
    command = f"ffmpeg -v error {source} {MUXER} pipe:1"
    return subprocess.run(command.split(), capture_output=True, check=True).stdout


def encoded(arguments: str = RED) -> tuple[bytes, bytes]:
    """An init section, and a part that begins with a keyframe."""
    init, *frames = fmp4.Reader().feed(fragments(arguments))
    assert isinstance(init, fmp4.Init)
    return init.data, fmp4.part([frame for frame in frames[:3] if isinstance(frame, fmp4.Frame)], 1)
