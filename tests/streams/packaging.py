"""Packagers whose frames are made by hand, on the real cache, and at a time that is given."""

from __future__ import annotations

from redis.asyncio import Redis

from streams import segment_cache
from streams.clock import ClockView
from streams.hls.fmp4 import Frame, Init
from streams.hls.playlist import Variant
from streams.hls.timeline import Part, Segment, Timeline
from streams.ladder import Profile
from streams.packager import Packager, VideoPackager
from streams.segment_cache import Clock
from streams.source import SourcePackager
from tests.streams.rig import H264, KNOWN, NOW, PART_MS, begun, video

LARGER = Init(b"larger", "video", "avc1.64001E", 1000, width=854, height=480)


class Wall:
    """A wall clock that stands until it is told."""

    def __init__(self, ms: int = NOW) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


async def push(pack: Packager, frames: list[Frame], wall: Wall | None = None, lag_ms: int = 0) -> None:
    """Each frame when it is due, where a clock is given."""
    for frame in frames:
        if wall:
            wall.ms = NOW + pack.ms(frame.pts) + lag_ms
        await pack.push(frame)


async def ready(
    redis: Redis, broadcast_id: str, rendition: str, wall: Wall, profile: Profile | None = KNOWN, init: Init = H264
) -> VideoPackager:
    writer = await begun(redis, broadcast_id, rendition)
    pack = (SourcePackager if rendition == "source" else VideoPackager)(writer, PART_MS, ClockView(wall), profile)
    await pack.begin(init)
    return pack


async def segments(redis: Redis, broadcast_id: str, rendition: str) -> list[Segment]:
    timeline = Timeline(await segment_cache.timeline(redis, broadcast_id, rendition))
    return [segment for segment in timeline.segments if segment.parts]


async def parts(redis: Redis, broadcast_id: str, rendition: str) -> list[Part]:
    return [r for r in await segment_cache.timeline(redis, broadcast_id, rendition) if isinstance(r, Part)]


async def listed(redis: Redis, broadcast_id: str) -> list[str] | None:
    """The names in the master; None while it is not fixed."""
    master = await segment_cache.master(redis, broadcast_id)
    assert master
    return None if master.variants is None else [variant.name for variant in master.variants]


async def absent(redis: Redis, broadcast_id: str) -> list[str]:
    master = await segment_cache.master(redis, broadcast_id)
    assert master
    return master.absent


async def variants(redis: Redis, broadcast_id: str) -> dict[str, Variant]:
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants
    return {each.name: each for each in master.variants}


async def rest_of_the_ladder(redis: Redis, broadcast_id: str, wall: Wall) -> None:
    await push(await ready(redis, broadcast_id, "360p", wall), video(0, 1))
    await (await begun(redis, broadcast_id, "audio")).report(None, wall.ms)


async def clock_of(redis: Redis, broadcast_id: str) -> Clock:
    clock = await segment_cache.clock(redis, broadcast_id)
    assert clock
    return clock
