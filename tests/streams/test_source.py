"""The publisher's own video: whether it is listed, and what is said of it."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from streams import segment_cache
from streams.cache_scripts import FIRST_MSN
from streams.ladder import Profile
from streams.source import SourcePackager
from tests.streams.packaging import (
    LARGER,
    Wall,
    absent,
    clock_of,
    listed,
    parts,
    push,
    ready,
    rest_of_the_ladder,
    segments,
    variants,
)
from tests.streams.rig import KNOWN, NOW, begun, broadcast_id, redis, video

__all__ = ["broadcast_id", "redis"]


async def test_a_known_source_is_listed_with_its_first_frame(redis: Redis, broadcast_id: str) -> None:
    await rest_of_the_ladder(redis, broadcast_id, Wall())
    await push(await ready(redis, broadcast_id, "source", Wall()), video(0, 1))
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants
    assert [(v.name, v.bandwidth) for v in master.variants] == [("source", 1_170_000), ("360p", 1_000_000)]


async def test_an_unknown_source_is_listed_with_its_second_keyframe(redis: Redis, broadcast_id: str) -> None:
    await rest_of_the_ladder(redis, broadcast_id, Wall())
    wall = Wall()
    pack = await ready(redis, broadcast_id, "source", wall, profile=None)
    await push(pack, video(0, 50), wall)
    assert await listed(redis, broadcast_id) is None
    await push(pack, [video(0, 51)[50]], wall)
    assert await listed(redis, broadcast_id) == ["source", "360p"]


async def test_an_unknown_source_is_left_out_when_a_transcode_has_keyframes_of_its_own_in_between(
    redis: Redis, broadcast_id: str
) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "source", wall, profile=None)
    await push(pack, video(0, 65, every=64, frame_ms=33), wall)
    assert await absent(redis, broadcast_id) == ["source"]


async def test_an_unknown_source_is_left_out_when_its_second_keyframe_comes_too_late(redis: Redis, broadcast_id: str) -> None:
    await rest_of_the_ladder(redis, broadcast_id, Wall())
    wall = Wall()
    pack = await ready(redis, broadcast_id, "source", wall, profile=None)
    await push(pack, video(0, 80, every=75), wall)
    assert await listed(redis, broadcast_id) == ["360p"]
    stored = len(await segment_cache.timeline(redis, broadcast_id, "source"))
    await push(pack, video(4000, 50), wall)
    assert len(await segment_cache.timeline(redis, broadcast_id, "source")) == stored


async def test_a_source_with_keyframes_far_apart_is_not_listed(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    far = Profile(640, 360, 25.0, gop_s=8.3, kbit_s=900)
    pack = await ready(redis, broadcast_id, "source", wall, profile=far)
    await push(pack, video(0, 60, every=207), wall)
    assert await absent(redis, broadcast_id) == ["source"]
    assert await segments(redis, broadcast_id, "source") == []


async def test_a_listed_source_whose_keyframes_stop_coming_is_taken_from_the_list(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    await rest_of_the_ladder(redis, broadcast_id, wall)
    pack = await ready(redis, broadcast_id, "source", wall)
    await push(pack, video(0, 110, every=1000), wall)
    assert await listed(redis, broadcast_id) == ["source", "360p"]
    await push(pack, video(4360, 50, every=1000)[1:], wall)
    assert await listed(redis, broadcast_id) == ["360p"]
    stored = len(await parts(redis, broadcast_id, "source"))
    await push(pack, video(6040, 100), wall)
    assert len(await parts(redis, broadcast_id, "source")) == stored


async def test_a_source_whose_keyframes_come_late_begins_its_segments_where_the_others_do(
    redis: Redis, broadcast_id: str
) -> None:
    wall = Wall()
    await rest_of_the_ladder(redis, broadcast_id, wall)
    transcode = await begun(redis, broadcast_id, "360p", epoch=2)
    pack = await ready(redis, broadcast_id, "source", wall)
    for number, frame in enumerate(video(0, 150, every=95)):
        if number in (51, 95, 101):  # a transcode is a little behind, and has keyframes of its own
            pts_ms = (number - 1) // 50 * 2000 if number != 95 else 3800
            await transcode.boundary(0, pts_ms, wall())
            await pack.clock.update(await clock_of(redis, broadcast_id))
        await push(pack, [frame], wall)
    found = await segments(redis, broadcast_id, "source")
    assert [(s.msn - FIRST_MSN, s.duration_ms, s.parts[0].independent) for s in found] == [
        (0, 2040, True),
        (1, 1760, False),
        (2, 1920, True),
    ]
    assert await listed(redis, broadcast_id) == ["source", "360p"]


@pytest.mark.parametrize(("gop_s", "listing"), [(2.0, True), (4.0, True), (4.001, False), (0.0, False)])
async def test_what_was_measured_before_decides_about_the_source(
    redis: Redis, broadcast_id: str, gop_s: float, listing: bool
) -> None:
    await rest_of_the_ladder(redis, broadcast_id, Wall())
    await push(await ready(redis, broadcast_id, "source", Wall(), Profile(640, 360, 25.0, gop_s, 900)), video(0, 1))
    assert await listed(redis, broadcast_id) == (["source", "360p"] if listing else ["360p"])


async def test_the_source_says_what_the_publisher_sends(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "source", wall)
    await push(pack, video(1000, 112), wall)
    assert await segment_cache.measurements(redis, broadcast_id) == {}
    await push(pack, video(5480, 20), wall)
    figures = (await segment_cache.measurements(redis, broadcast_id))["source"]
    assert {name: figures[name] for name in ("codec", "width", "height", "b_frames")} == {
        "codec": "avc1.64001F",
        "width": 640,
        "height": 360,
        "b_frames": False,
    }
    assert figures["fps"] == 25 and figures["gop_s"] == 2 and figures["kbit_s"] == 1


async def test_every_second_of_the_source_is_kept_with_how_far_all_have_got(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    await (await begun(redis, broadcast_id, "audio")).measured({"ahead_ms": -3})
    pack = await ready(redis, broadcast_id, "source", wall)
    await push(await ready(redis, broadcast_id, "360p", Wall()), video(0, 40))
    await push(pack, video(0, 101), wall)
    seconds = await segment_cache.health(redis, broadcast_id)
    assert [second["at_ms"] - NOW for second in seconds] == [1000, 2000, 3000, 4000]
    last = seconds[-1]
    assert (last["fps"], last["gop_s"], last["reorder_ms"], last["ahead_ms"]) == (25, 2, 0, -NOW)
    assert last["audio"] == {"ahead_ms": -3}
    assert set(last["ends"]) == {"source", "360p"}
    assert last["ends"]["source"] > last["ends"]["360p"] > NOW


async def test_the_seconds_that_are_kept_are_few(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    for n in range(segment_cache.HEALTH_SAMPLES + 3):
        await writer.note({"at_ms": n})
    seconds = await segment_cache.health(redis, broadcast_id)
    assert [seconds[0]["at_ms"], len(seconds)] == [3, segment_cache.HEALTH_SAMPLES]
    assert len(await segment_cache.health(redis, broadcast_id, 2)) == 2


async def test_the_first_measure_knows_a_long_group_of_pictures_that_is_still_open(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "source", Wall(), profile=None)
    await push(pack, video(0, 130, every=1000))
    assert (await segment_cache.measurements(redis, broadcast_id))["source"]["gop_s"] > 4


async def test_reordered_pictures_are_noticed_and_counted_all_the_same(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "source", Wall())
    shift = (0, 80, -40, -40)  # I P B B, shown three frames later than decoded
    frames = [frame._replace(pts=frame.dts + 120 + shift[number % 4]) for number, frame in enumerate(video(0, 114, every=48))]
    await push(pack, frames)
    figures = (await segment_cache.measurements(redis, broadcast_id))["source"]
    assert (figures["b_frames"], figures["fps"], figures["gop_s"]) == (True, 25.0, 1.92)


async def test_the_list_follows_a_picture_that_changes_while_it_is_sent(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    await rest_of_the_ladder(redis, broadcast_id, wall)
    pack = await ready(redis, broadcast_id, "source", wall)
    await push(pack, video(0, 60))
    await pack.begin(LARGER)
    await push(pack, video(4000, 1))
    assert (await variants(redis, broadcast_id))["source"].height == 480


async def test_the_list_follows_what_is_measured_where_the_last_publisher_sent_much_more(
    redis: Redis, broadcast_id: str
) -> None:
    wall = Wall()
    await rest_of_the_ladder(redis, broadcast_id, wall)
    pack = await ready(redis, broadcast_id, "source", wall)
    await push(pack, video(0, 100), wall)
    assert (await variants(redis, broadcast_id))["source"].bandwidth == KNOWN.kbit_s * 1300
    await push(pack, video(4000, 25), wall)
    assert isinstance(pack, SourcePackager)
    assert (await variants(redis, broadcast_id))["source"].bandwidth == pack.measure.kbit_s * 1300
