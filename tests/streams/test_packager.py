"""Frames made by hand, the real cache, and a time that is given."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from streams import segment_cache
from streams.cache_scripts import ERA_JUMP_MS, FIRST_MSN, LATE_AUDIO_MS, LATE_VIDEO_MS
from streams.clock import ClockView
from streams.hls.fmp4 import Frame, Init
from streams.hls.timeline import Part, Segment, Timeline
from streams.ladder import Profile
from streams.measure import STUCK_MS
from streams.packager import AudioPackager, Jumped, Packager, VideoPackager, Withdraw, packager
from tests.streams.rig import AAC, H264, KNOWN, NOW, PART_MS, RATE, begun, broadcast_id, redis, sound, video

__all__ = ["broadcast_id", "redis"]


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
    pack = packager(writer, PART_MS, wall, profile, ClockView())
    assert isinstance(pack, VideoPackager)
    await pack.begin(init)
    return pack


async def segments(redis: Redis, broadcast_id: str, rendition: str) -> list[Segment]:
    timeline = Timeline(await segment_cache.timeline(redis, broadcast_id, rendition))
    return [segment for segment in timeline.segments if segment.parts]


async def listed(redis: Redis, broadcast_id: str) -> list[str] | None:
    """The names in the master; None while it is not fixed."""
    master = await segment_cache.master(redis, broadcast_id)
    assert master
    return None if master.variants is None else [variant.name for variant in master.variants]


async def absent(redis: Redis, broadcast_id: str) -> list[str]:
    master = await segment_cache.master(redis, broadcast_id)
    assert master
    return master.absent


# --- video ----------------------------------------------------------------------------------------------------------------


async def test_video_is_cut_at_the_boundaries_of_the_segment_clock(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 130), wall)
    found = await segments(redis, broadcast_id, "360p")
    assert [segment.msn for segment in found] == [FIRST_MSN, FIRST_MSN + 1, FIRST_MSN + 2]
    assert [segment.at_ms - found[0].at_ms for segment in found] == [0, 2000, 4000]
    assert [segment.duration_ms for segment in found[:2]] == [2000, 2000]
    assert [[part.independent for part in segment.parts] for segment in found[:2]] == [[True, *[False] * 6]] * 2
    assert all(part.duration_ms <= PART_MS for segment in found for part in segment.parts)


async def test_parts_are_dated_by_the_wall_clock_at_the_first_boundary(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "360p", Wall(NOW + 700))
    await push(pack, video(1000, 60))
    found = await segments(redis, broadcast_id, "360p")
    assert [part.at_ms for part in found[0].parts[:2]] == [NOW + 700, NOW + 700 + 320]


async def test_the_stored_parts_hold_the_frames(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "360p", Wall())
    frames = video(1000, 60)
    await push(pack, frames)
    found = await segments(redis, broadcast_id, "360p")
    data = await segment_cache.parts(redis, broadcast_id, "360p", [p.name for segment in found for p in segment.parts])
    assert data is not None and data.count(b"picture") == 50 + 8  # a segment, and the first part of the next
    assert await segment_cache.init(redis, broadcast_id, "360p", found[0].parts[0].init) == b"init"


async def test_a_keyframe_that_is_no_boundary_begins_no_segment(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "360p", Wall())
    await push(pack, video(0, 120, every=25))
    assert [(s.msn, s.duration_ms) for s in await segments(redis, broadcast_id, "360p")][:2] == [
        (FIRST_MSN, 2000),
        (FIRST_MSN + 1, 2000),
    ]


async def test_two_renditions_cut_at_the_same_frames(redis: Redis, broadcast_id: str) -> None:
    low, high = [await ready(redis, broadcast_id, name, Wall()) for name in ("360p", "720p")]
    await push(low, video(1000, 160))
    await push(high, video(1003, 160))  # as stamps are rounded
    one, two = [await segments(redis, broadcast_id, name) for name in ("360p", "720p")]
    assert [s.msn for s in one] == [s.msn for s in two] and len(one) == 4


async def test_a_transcode_that_joins_late_takes_the_number_that_is_on(redis: Redis, broadcast_id: str) -> None:
    low, high = [await ready(redis, broadcast_id, name, Wall()) for name in ("360p", "720p")]
    await push(low, video(0, 160))
    await push(high, video(0, 160)[70:])  # in mid-segment: it waits for a boundary
    assert [segment.msn for segment in await segments(redis, broadcast_id, "720p")] == [FIRST_MSN + 2, FIRST_MSN + 3]


async def test_a_segment_without_a_keyframe_is_closed_within_the_target_duration(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "360p", Wall())
    await push(pack, video(0, 200, every=1000))
    found = await segments(redis, broadcast_id, "360p")
    target_s = (max(KNOWN.gop_s, 2) * 1000 + 1390 + 500) // 1000
    assert len(found) == 3
    assert all(round(segment.duration_ms / 1000) <= target_s for segment in found)


async def test_a_transcode_reports_what_it_is(redis: Redis, broadcast_id: str) -> None:
    for name in ("360p", "source", "audio"):
        if name == "audio":
            await (await begun(redis, broadcast_id, name)).report(None, NOW)
        else:
            await push(await ready(redis, broadcast_id, name, Wall()), video(0, 1))
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants
    low = next(variant for variant in master.variants if variant.name == "360p")
    assert (low.codec, low.width, low.height, low.fps, low.bandwidth) == ("avc1.64001F", 640, 360, 25.0, 800_000)


async def test_a_rung_above_an_unknown_source_withdraws(redis: Redis, broadcast_id: str) -> None:
    with pytest.raises(Withdraw):
        await ready(redis, broadcast_id, "480p", Wall(), profile=None)  # it would be 360 lines high
    await ready(redis, broadcast_id, "360p", Wall(), profile=None, init=Init(b"", "video", "", 1000, width=320, height=180))
    await ready(redis, broadcast_id, "480p", Wall(), profile=None, init=Init(b"", "video", "", 1000, width=480, height=854))


async def test_a_rung_above_a_returning_smaller_source_goes_on(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "480p", Wall(), profile=KNOWN)
    assert pack.init.height == 360


async def test_a_transcode_that_comes_after_the_ladder_is_fixed_withdraws(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    await push(await ready(redis, broadcast_id, "source", wall), video(0, 1))
    wall.ms += LATE_VIDEO_MS
    await push(await ready(redis, broadcast_id, "360p", wall), video(0, 1))
    assert await listed(redis, broadcast_id) == ["source", "360p"]
    with pytest.raises(Withdraw):
        await push(await ready(redis, broadcast_id, "720p", wall), video(0, 1))


# --- the source -----------------------------------------------------------------------------------------------------------


async def rest_of_the_ladder(redis: Redis, broadcast_id: str, wall: Wall) -> None:
    await push(await ready(redis, broadcast_id, "360p", wall), video(0, 1))
    await (await begun(redis, broadcast_id, "audio")).report(None, wall.ms)


async def test_a_known_source_is_listed_with_its_first_frame(redis: Redis, broadcast_id: str) -> None:
    await rest_of_the_ladder(redis, broadcast_id, Wall())
    await push(await ready(redis, broadcast_id, "source", Wall()), video(0, 1))
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants
    assert [(v.name, v.bandwidth) for v in master.variants] == [("source", 1_170_000), ("360p", 800_000)]


async def test_an_unknown_source_is_listed_with_its_second_keyframe(redis: Redis, broadcast_id: str) -> None:
    await rest_of_the_ladder(redis, broadcast_id, Wall())
    wall = Wall()
    pack = await ready(redis, broadcast_id, "source", wall, profile=None)
    await push(pack, video(0, 50), wall)
    assert await listed(redis, broadcast_id) is None
    await push(pack, [video(0, 51)[50]], wall)
    assert await listed(redis, broadcast_id) == ["source", "360p"]


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
    await push(pack, video(0, 120, every=1000), wall)
    assert await listed(redis, broadcast_id) == ["360p"]
    assert [segment.msn for segment in await segments(redis, broadcast_id, "source")] == [FIRST_MSN]


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


# --- sound ----------------------------------------------------------------------------------------------------------------


async def sounding(redis: Redis, broadcast_id: str, wall: Wall, view: ClockView) -> AudioPackager:
    pack = packager(await begun(redis, broadcast_id, "audio"), PART_MS, wall, KNOWN, view)
    assert isinstance(pack, AudioPackager)
    await pack.begin(AAC)
    return pack


async def clock_with(*starts_ms: int, era: int = 0, offset_ms: int | None = None) -> ClockView:
    view = ClockView()
    offset_ms = int(time.time() * 1000) if offset_ms is None else offset_ms
    await view.update(era, offset_ms, [(FIRST_MSN + n, at) for n, at in enumerate(starts_ms)])
    await view.advance(10**9)
    return view


async def test_sound_is_cut_at_the_first_frame_after_a_boundary(redis: Redis, broadcast_id: str) -> None:
    pack = await sounding(redis, broadcast_id, Wall(), await clock_with(1000, 3000, 5000))
    await push(pack, sound(700, 6000))
    found = await segments(redis, broadcast_id, "audio")
    assert [segment.msn for segment in found] == [FIRST_MSN, FIRST_MSN + 1, FIRST_MSN + 2]
    starts = [(segment.at_ms - found[0].at_ms) for segment in found]
    assert all(2000 - 22 <= b - a <= 2000 + 22 for a, b in pairwise(starts))
    assert all(part.duration_ms <= PART_MS and part.independent for segment in found for part in segment.parts)
    assert sum(segment.duration_ms for segment in found) == pytest.approx(5000, abs=PART_MS + 22)


async def test_sound_before_the_first_picture_is_dropped(redis: Redis, broadcast_id: str) -> None:
    offset = int(time.time() * 1000)
    pack = await sounding(redis, broadcast_id, Wall(), await clock_with(1000, offset_ms=offset))
    await push(pack, sound(0, 2000))
    (segment,) = await segments(redis, broadcast_id, "audio")
    assert 0 <= segment.at_ms - (offset + 1000 - 5) < 22


async def test_sound_waits_until_video_has_passed_it(redis: Redis, broadcast_id: str) -> None:
    view = ClockView()
    await view.update(0, int(time.time() * 1000) - 3000, [(FIRST_MSN, 0)])
    pack = await sounding(redis, broadcast_id, Wall(), view)
    began = time.monotonic()
    await push(pack, sound(0, 1399))
    assert time.monotonic() - began < 0.3
    await push(pack, sound(1400, 1800))  # as long as its patience, once
    assert 0.4 < time.monotonic() - began < 1.2
    assert [segment.msn for segment in await segments(redis, broadcast_id, "audio")] == [FIRST_MSN]


async def test_sound_that_comes_after_the_ladder_is_fixed_withdraws(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    for name in ("source", "360p"):
        await push(await ready(redis, broadcast_id, name, wall), video(0, LATE_AUDIO_MS // 40 + 8), wall)
    assert await listed(redis, broadcast_id) == ["source", "360p"]
    pack = await sounding(redis, broadcast_id, wall, await clock_with(0))
    with pytest.raises(Withdraw):
        await push(pack, sound(0, 1000))


async def test_sound_reports_its_channels(redis: Redis, broadcast_id: str) -> None:
    pack = await sounding(redis, broadcast_id, Wall(), await clock_with(0))
    await push(pack, sound(0, 1000))
    assert (await segment_cache.measurements(redis, broadcast_id))["audio"] == {
        "codec": "mp4a.40.2",
        "sample_rate": RATE,
        "channels": 2,
    }


# --- eras -----------------------------------------------------------------------------------------------------------------


async def test_a_new_era_is_a_new_discontinuity_from_its_first_part_on(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    first = await ready(redis, broadcast_id, "360p", wall)
    await push(first, video(0, 60), wall)
    wall.ms = NOW + 90_000
    assert await first.writer.jump(0, wall.ms) == 1
    second = packager(first.writer, PART_MS, wall, KNOWN, ClockView())
    await second.begin(H264)
    await push(second, video(0, 60))
    parts = [r for r in await segment_cache.timeline(redis, broadcast_id, "360p") if isinstance(r, Part)]
    assert [(msn, era, init) for msn, era, init in dict.fromkeys((p.msn, p.era, p.init) for p in parts)] == [
        (FIRST_MSN, 0, 1),
        (FIRST_MSN + 1, 0, 1),
        (FIRST_MSN + 2, 1, 2),
        (FIRST_MSN + 3, 1, 2),
    ]
    assert parts[-1].at_ms >= NOW + 90_000


async def test_stamps_that_leap_forward_are_a_jump_at_once(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 60), wall)
    with pytest.raises(Jumped):
        await pack.push(video(2400 + ERA_JUMP_MS + 100, 1)[0])


async def test_stamps_that_fall_back_are_a_jump_at_once(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(100_000, 60), wall)
    with pytest.raises(Jumped):
        await pack.push(video(0, 1)[0])


async def test_stamps_that_stand_still_while_frames_come_are_a_jump_after_a_second(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 60), wall)
    with pytest.raises(Jumped):
        for number in range(60):
            wall.ms = NOW + 2400 + number * 40
            await pack.push(video(2400 + number, 1)[0])
    assert number * 40 == pytest.approx(STUCK_MS, abs=80)


async def test_an_encoder_that_falls_behind_begins_no_era(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    for number, frame in enumerate(video(0, 250)):
        wall.ms = NOW + number * 80  # half as fast as it should be
        await pack.push(frame)


async def test_media_that_comes_late_and_then_at_once_is_no_jump(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 60), wall)
    wall.ms += 8000  # nothing for eight seconds
    for frame in video(2400, 200):
        wall.ms += 1
        await pack.push(frame)
    await push(pack, video(10_400, 60), wall)
