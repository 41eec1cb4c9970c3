"""Frames made by hand, the real cache, and a time that is given."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from streams import segment_cache
from streams.cache_scripts import FIRST_MSN, LATE_MS, SHORTEST_SEGMENT_MS
from streams.clock import ClockView
from streams.hls.fmp4 import Frame, Init
from streams.hls.pace import EARLY_MS, PAUSE_MS
from streams.hls.stamps import TURN_MS
from streams.ladder import Profile
from streams.packager import TELL_MS, Again, Packager, VideoPackager, Withdraw
from streams.segment_cache import Clock
from tests.streams.packaging import LARGER, Wall, clock_of, listed, parts, push, ready, rest_of_the_ladder, segments, variants
from tests.streams.rig import H264, KNOWN, NOW, PART_MS, begun, broadcast_id, redis, variant, video

__all__ = ["broadcast_id", "redis"]


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


async def test_the_target_duration_has_room_for_keyframes_far_apart_without_the_source_too(
    redis: Redis, broadcast_id: str
) -> None:
    wall = Wall()
    for name in ("source", "audio"):
        await (await begun(redis, broadcast_id, name)).report(None, NOW)
    pack = await ready(redis, broadcast_id, "360p", wall, profile=replace(KNOWN, gop_s=4.0))
    await push(pack, video(0, 300, every=100), wall)
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.target_s
    found = await segments(redis, broadcast_id, "360p")
    assert [segment.duration_ms for segment in found[:2]] == [4000, 4000] and master.target_s >= 4


async def told(pack: VideoPackager, frames: list[Frame], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far the picture has got, as audio hears it."""
    heard: list[int] = []

    async def watermark(era: int, pts_ms: int) -> None:
        heard.append(pts_ms)

    monkeypatch.setattr(pack.writer, "watermark", watermark)
    await push(pack, frames)
    return heard


async def test_audio_is_told_with_each_part_and_where_a_segment_may_end_with_every_other_frame(
    redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await told(await ready(redis, broadcast_id, "360p", Wall()), video(0, 50), monkeypatch)
    assert [ms for ms in heard if ms < SHORTEST_SEGMENT_MS - TELL_MS] == [280, 600, 920, 1240]
    near = [ms for ms in heard if ms >= SHORTEST_SEGMENT_MS - TELL_MS]
    assert near[0] <= SHORTEST_SEGMENT_MS
    assert all(after - before <= TELL_MS + 40 for before, after in pairwise(near)) and len(near) < 15


# --- pauses ---------------------------------------------------------------------------------------------------------------


def two_second_segments(until_ms: int) -> Clock:
    return Clock(0, 0, [(FIRST_MSN + n, 2000 * n) for n in range(until_ms // 2000 + 1)], at_ms=NOW, shape=0)


async def pauses(redis: Redis, broadcast_id: str, rendition: str) -> dict[int, float]:
    """The pause that it takes after each frame, by the frame's time in its segment."""
    wall, found = Wall(), {}
    pack = await ready(redis, broadcast_id, rendition, wall)
    for frame in video(0, 150):
        await pack.clock.update(two_second_segments(pack.ms(frame.pts)))
        await push(pack, [frame], wall)
        found[pack.ms(frame.pts) % 2000] = pack.pause_ms()
    return found


async def test_it_pauses_until_a_part_or_a_segment_may_end(redis: Redis, broadcast_id: str) -> None:
    found = await pauses(redis, broadcast_id, "480p")
    assert found[0] == found[40] == PAUSE_MS  # 8 frames of 40 ms make a part
    assert [found[ms] for ms in (160, 200, 240)] == [3 * 40 - 40 - EARLY_MS, 0, 0]
    assert found[1880] == 2000 - 1880 - 40 - EARLY_MS and found[1920] == found[1960] == 0  # a part of two frames at the end


async def test_a_rendition_of_which_sound_learns_where_a_segment_may_end_takes_no_pause_there(
    redis: Redis, broadcast_id: str
) -> None:
    found = await pauses(redis, broadcast_id, "360p")
    assert found[0] == PAUSE_MS
    assert {pause for ms, pause in found.items() if ms >= SHORTEST_SEGMENT_MS - TELL_MS} == {0}


async def test_there_is_no_pause_before_it_is_known_how_long_segments_are(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "480p", Wall())
    assert pack.pause_ms() == 0
    await push(pack, video(0, 20))
    assert pack.pause_ms() == 0


async def test_a_source_that_is_not_shown_is_read_now_and_then(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "source", Wall(), profile=Profile(640, 360, 25.0, 8.3, 900))
    await push(pack, video(0, 20))
    assert pack.pause_ms() == PAUSE_MS


async def test_the_source_tells_audio_with_each_part_and_the_other_renditions_leave_that_to_the_two(
    redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await told(await ready(redis, broadcast_id, "source", Wall()), video(0, 50), monkeypatch)
    assert heard == [280, 600, 920, 1240, 1560, 1880]
    assert await told(await ready(redis, broadcast_id, "480p", Wall()), video(0, 50), monkeypatch) == []


async def test_a_transcode_reports_what_it_is(redis: Redis, broadcast_id: str) -> None:
    for name in ("360p", "source", "audio"):
        if name == "audio":
            await (await begun(redis, broadcast_id, name)).report(None, NOW)
        else:
            await push(await ready(redis, broadcast_id, name, Wall()), video(0, 1))
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants
    low = next(variant for variant in master.variants if variant.name == "360p")
    assert (low.codec, low.width, low.height, low.fps, low.bandwidth) == ("avc1.64001F", 640, 360, 25.0, 1_000_000)


async def test_a_rung_above_an_unknown_source_withdraws(redis: Redis, broadcast_id: str) -> None:
    with pytest.raises(Withdraw):
        await ready(redis, broadcast_id, "480p", Wall(), profile=None)  # it would be 360 lines high
    await ready(redis, broadcast_id, "360p", Wall(), profile=None, init=Init(b"", "video", "", 1000, width=320, height=180))
    await ready(redis, broadcast_id, "480p", Wall(), profile=None, init=Init(b"", "video", "", 1000, width=480, height=854))


async def test_a_rung_above_a_returning_smaller_source_goes_on(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "480p", Wall(), profile=KNOWN)
    assert pack.init.height == 360
    wall = Wall()
    unknown = VideoPackager(await begun(redis, broadcast_id, "480p"), PART_MS, ClockView(wall), None, is_fixed=True)
    await unknown.begin(H264)
    assert unknown.init.height == 360


async def test_a_transcode_that_comes_after_the_ladder_is_fixed_withdraws(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    await rest_of_the_ladder(redis, broadcast_id, wall)
    wall.ms += LATE_MS
    await push(await ready(redis, broadcast_id, "source", wall), video(0, 1))
    assert await listed(redis, broadcast_id) == ["source", "360p"]
    with pytest.raises(Withdraw):
        await push(await ready(redis, broadcast_id, "720p", wall), video(0, 1))


@pytest.mark.parametrize("rendition", ["360p", "source"])
async def test_the_list_follows_a_publisher_that_comes_back_with_another_picture(
    redis: Redis, broadcast_id: str, rendition: str
) -> None:
    wall = Wall()
    await rest_of_the_ladder(redis, broadcast_id, wall)
    await push(await ready(redis, broadcast_id, "source", wall), video(0, 1))
    before = await variants(redis, broadcast_id)
    await push(await ready(redis, broadcast_id, rendition, wall, init=LARGER), video(0, 1))
    after = await variants(redis, broadcast_id)
    assert after == before | {rendition: replace(before[rendition], codec=LARGER.codec, width=854, height=480)}


# --- leaps ----------------------------------------------------------------------------------------------------------------


HOUR_MS = 3_600_000


def leaping(at: int, by_ms: int, count: int = 160) -> list[Frame]:
    """As ffmpeg writes them: the frame before the leap lasts until the one after it."""
    frames = video(100_000, count)
    frames[at - 1] = frames[at - 1]._replace(duration=by_ms + 40)
    return frames[:at] + [frame._replace(dts=frame.dts + by_ms, pts=frame.pts + by_ms) for frame in frames[at:]]


async def push_live(pack: Packager, frames: list[Frame], wall: Wall) -> None:
    """One every 40 ms, whatever the stamps say."""
    for frame in frames:
        await pack.push(frame)
        wall.ms += 40


@pytest.mark.parametrize("by_ms", [HOUR_MS, TURN_MS - 90_000])  # the latter is how ffmpeg writes those that go back
@pytest.mark.parametrize("at", [100, 110])
async def test_stamps_that_leap_begin_an_era_with_the_next_keyframe_and_nothing_is_lost(
    redis: Redis, broadcast_id: str, by_ms: int, at: int
) -> None:
    wall = Wall()
    await push_live(await ready(redis, broadcast_id, "360p", wall), leaping(at, by_ms), wall)
    found = await parts(redis, broadcast_id, "360p")
    begins = 2 if at == 100 else 3
    numbered = dict.fromkeys((part.msn - FIRST_MSN, part.era, part.init) for part in found)
    assert list(numbered) == [(n, int(n >= begins), 1) for n in range(4)]
    assert all(part.duration_ms <= PART_MS for part in found)
    assert sum(part.duration_ms for part in found) == 160 * 40 - 80  # the last part is open
    data = await segment_cache.parts(redis, broadcast_id, "360p", [found[-1].name])
    stamp_ms = (100_000 + by_ms) % TURN_MS if by_ms > HOUR_MS else 100_000 + by_ms
    assert data and tfdt(data) - stamp_ms == pytest.approx(found[-1].at_ms - NOW, abs=1)


def tfdt(part: bytes) -> int:
    at = part.index(b"tfdt") + 8
    return int.from_bytes(part[at : at + 8], "big")


async def two(redis: Redis, broadcast_id: str, wall: Wall) -> tuple[VideoPackager, VideoPackager]:
    """The ladder waits for neither."""
    packs = [await ready(redis, broadcast_id, name, wall) for name in ("source", "360p")]
    for pack in packs:
        await pack.writer.report(variant(pack.writer.rendition), NOW)
    await (await begun(redis, broadcast_id, "audio")).report(None, NOW)
    return packs[0], packs[1]


async def test_a_leap_of_the_stamps_is_the_same_for_all_renditions(redis: Redis, broadcast_id: str) -> None:
    """However far one of them is behind."""
    wall = Wall()
    source, transcode = await two(redis, broadcast_id, wall)
    frames = leaping(110, HOUR_MS)
    for number, frame in enumerate(frames):
        await source.push(frame)
        if number >= 70:
            await transcode.push(frames[number - 70])
        wall.ms += 40
    await push_live(transcode, frames[90:], wall)
    one, other = [await parts(redis, broadcast_id, name) for name in ("source", "360p")]
    assert [(p.msn, p.era, p.at_ms, p.duration_ms) for p in one] == [(p.msn, p.era, p.at_ms, p.duration_ms) for p in other]
    assert {p.era for p in one} == {0, 1}


async def test_a_transcode_that_begins_after_a_leap_joins_the_era_that_is_on(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    source, transcode = await two(redis, broadcast_id, wall)
    frames = leaping(110, TURN_MS - 90_000, count=220)
    await push_live(source, frames[:180], wall)
    raw = [f._replace(dts=f.dts - TURN_MS, pts=f.pts - TURN_MS) for f in frames[180:]]  # it needs no lifting
    await push_live(transcode, raw, wall)
    assert {(part.msn - FIRST_MSN, part.era) for part in await parts(redis, broadcast_id, "360p")} == {(4, 1)}


async def test_a_publisher_that_pauses_begins_an_era(redis: Redis, broadcast_id: str) -> None:
    """A segment that lasts through the pause would be longer than the target duration."""
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    frames = leaping(110, 8000)
    await push_live(pack, frames[:110], wall)
    wall.ms += 8000
    await push_live(pack, frames[110:], wall)
    found = await segments(redis, broadcast_id, "360p")
    assert [(segment.era, segment.duration_ms) for segment in found][:3] == [(0, 2000), (0, 2000), (0, 2000)]
    assert found[-1].era == 1


async def test_who_belongs_to_an_era_that_others_have_left_joins_theirs_with_a_new_ffmpeg(
    redis: Redis, broadcast_id: str
) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 60), wall)
    other = await begun(redis, broadcast_id, "source")
    era, stamp_ms = await other.era(0, 5_000_000, wall())
    await other.boundary(era, stamp_ms, wall())
    await pack.clock.update(await clock_of(redis, broadcast_id))
    with pytest.raises(Again):
        await push(pack, video(2400, 250, every=1000)[1:], wall)


async def test_an_encoder_that_falls_behind_begins_no_era(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    for number, frame in enumerate(video(0, 250)):
        wall.ms = NOW + number * 80  # half as fast as it should be
        await pack.push(frame)
    assert {part.era for part in await parts(redis, broadcast_id, "360p")} == {0}


async def test_media_that_comes_late_and_then_at_once_is_no_leap(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 60), wall)
    wall.ms += 8000  # nothing for eight seconds
    for frame in video(2400, 200):
        wall.ms += 1
        await pack.push(frame)
    await push(pack, video(10_400, 60), wall)
    assert {part.era for part in await parts(redis, broadcast_id, "360p")} == {0}


# --- one ffmpeg after the other -------------------------------------------------------------------------------------------


async def test_a_new_ffmpeg_goes_on_at_the_next_boundary_with_the_same_init_section(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    pack = await ready(redis, broadcast_id, "360p", wall)
    await push(pack, video(0, 60), wall)
    await pack.end()
    await pack.begin(H264)
    await push(pack, video(0, 160)[80:], wall)
    found = await segments(redis, broadcast_id, "360p")
    assert [(s.msn - FIRST_MSN, s.duration_ms, s.init) for s in found] == [(0, 2000, 1), (1, 400, 1), (2, 2000, 1), (3, 320, 1)]


async def test_another_init_section_gets_another_number(redis: Redis, broadcast_id: str) -> None:
    pack = await ready(redis, broadcast_id, "360p", Wall())
    await push(pack, video(0, 60))
    await pack.begin(replace(H264, data=b"another"))
    await push(pack, video(4000, 60))
    assert [segment.init for segment in await segments(redis, broadcast_id, "360p")] == [1, 1, 2, 2]


async def test_a_transcode_is_of_no_more_use_when_the_picture_has_another_size(redis: Redis, broadcast_id: str) -> None:
    wall = Wall()
    view = ClockView(wall)
    pack = VideoPackager(await begun(redis, broadcast_id, "360p"), PART_MS, view, KNOWN)
    await pack.begin(H264)
    await push(pack, video(0, 60), wall)
    await view.update(Clock(era=1, offset_ms=NOW, pairs=[], at_ms=wall.ms, shape=1))
    with pytest.raises(Again):
        await push(pack, video(2400, 1))
    await pack.begin(H264)
    await push(pack, video(4000, 60), wall)
