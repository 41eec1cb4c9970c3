"""Sound made by hand beside a picture that is only a clock; waiting is in real time, as the clock's view has it."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from streams import segment_cache
from streams.cache_scripts import FIRST_MSN, LATE_AUDIO_MS, SHORTEST_SEGMENT_MS
from streams.clock import ClockView
from streams.hls.fmp4 import Frame, Init, Unsupported
from streams.hls.stamps import TURN_MS
from streams.hls.timeline import Part, Segment, Timeline
from streams.packager import Again, Withdraw
from streams.segment_cache import Clock
from streams.sound import HUNG_S, LOOK_S, QUIET_MS, STALE_MS, AudioPackager, Silence
from tests.streams.rig import AAC, NOW, PART_MS, RATE, SOUND_FRAME, begun, broadcast_id, now_ms, redis, sound, variant

__all__ = ["broadcast_id", "redis"]

FRAME_MS = SOUND_FRAME * 1000 / RATE
FOR_EVER = 10**12


async def silence(rate: int, channels: int) -> Silence:
    init = Init(b"silence", "audio", "mp4a.40.2", rate, sample_rate=rate, channels=channels, bit_rate=128_000)
    return Silence(init, Frame(0, 0, SOUND_FRAME, True, b"hush"))


async def sounding(redis: Redis, broadcast_id: str, view: ClockView, init: Init = AAC) -> AudioPackager:
    """Whose ffmpeg has begun."""
    pack = await waiting(redis, broadcast_id, view)
    await pack.begin(init)
    return pack


async def waiting(redis: Redis, broadcast_id: str, view: ClockView, epoch: int = 1) -> AudioPackager:
    return AudioPackager(await begun(redis, broadcast_id, "audio", epoch), PART_MS, view, silence)


def picture(*starts_ms: int, era: int = 0, shape: int = 0, number: int = FIRST_MSN) -> Clock:
    """A clock whose newest segment has just begun."""
    pairs = [(number + n, at) for n, at in enumerate(starts_ms)]
    return Clock(era, now_ms() - (starts_ms[-1] if starts_ms else 0), pairs, now_ms(), shape)


async def view_of(*starts_ms: int, seen_ms: int = FOR_EVER) -> ClockView:
    view = ClockView(now_ms)
    await view.update(picture(*starts_ms))
    await view.advance(0, seen_ms)
    return view


async def push(pack: AudioPackager, frames: list[Frame]) -> None:
    for frame in frames:
        await pack.push(frame)


def moved(frames: list[Frame], by_ms: int) -> list[Frame]:
    by = by_ms * RATE // 1000
    return [frame._replace(dts=frame.dts + by, pts=frame.pts + by) for frame in frames]


async def parts(redis: Redis, broadcast_id: str) -> list[Part]:
    return [r for r in await segment_cache.timeline(redis, broadcast_id, "audio") if isinstance(r, Part)]


async def segments(redis: Redis, broadcast_id: str) -> list[Segment]:
    return [segment for segment in Timeline(await parts(redis, broadcast_id)).segments if segment.parts]


async def media(redis: Redis, broadcast_id: str) -> bytes:
    names = [part.name for part in await parts(redis, broadcast_id)]
    return await segment_cache.parts(redis, broadcast_id, "audio", names) or b""


async def unbroken(redis: Redis, broadcast_id: str) -> bool:
    """Whether each part begins where the one before ends."""
    found = await parts(redis, broadcast_id)
    return all(abs(a.at_ms + a.duration_ms - b.at_ms) < FRAME_MS for a, b in pairwise(found))


# --- cutting --------------------------------------------------------------------------------------------------------------


async def test_sound_is_cut_at_the_first_frame_after_a_boundary(redis: Redis, broadcast_id: str) -> None:
    pack = await sounding(redis, broadcast_id, await view_of(1000, 3000, 5000))
    await push(pack, sound(700, 6000))
    found = await segments(redis, broadcast_id)
    assert [segment.msn for segment in found] == [FIRST_MSN, FIRST_MSN + 1, FIRST_MSN + 2]
    starts = [(segment.at_ms - found[0].at_ms) for segment in found]
    assert all(2000 - 22 <= b - a <= 2000 + 22 for a, b in pairwise(starts))
    assert all(part.duration_ms <= PART_MS and part.independent for segment in found for part in segment.parts)
    assert sum(segment.duration_ms for segment in found) == pytest.approx(5000, abs=PART_MS + 22)


async def test_sound_before_the_first_picture_is_dropped(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(1000)
    await push(await sounding(redis, broadcast_id, view), sound(0, 2000))
    (segment,) = await segments(redis, broadcast_id)
    assert 0 <= segment.at_ms - (view.offset_ms + 1000 - 5) < 22


async def test_sound_waits_until_video_has_passed_it(redis: Redis, broadcast_id: str) -> None:
    view = ClockView(now_ms)
    await view.update(Clock(0, now_ms() - 3000, [(FIRST_MSN, 0)], now_ms(), 0))
    pack = await sounding(redis, broadcast_id, view)
    began = time.monotonic()
    await push(pack, sound(0, 1399))
    assert time.monotonic() - began < 0.3
    await push(pack, sound(1400, 1800))  # as long as its patience, once
    assert 0.4 < time.monotonic() - began < 1.2
    assert [segment.msn for segment in await segments(redis, broadcast_id)] == [FIRST_MSN]


async def test_sound_that_comes_after_the_ladder_is_fixed_withdraws(redis: Redis, broadcast_id: str) -> None:
    for name in ("source", "360p"):
        await (await begun(redis, broadcast_id, name)).report(variant(name), now_ms() - LATE_AUDIO_MS - 1)
    with pytest.raises(Withdraw):
        await push(await sounding(redis, broadcast_id, await view_of(0)), sound(0, 1000))


async def test_sound_reports_its_channels(redis: Redis, broadcast_id: str) -> None:
    await push(await sounding(redis, broadcast_id, await view_of(0)), sound(0, 1000))
    assert (await segment_cache.measurements(redis, broadcast_id))["audio"] == {
        "codec": "mp4a.40.2",
        "sample_rate": RATE,
        "channels": 2,
    }


@pytest.mark.parametrize(("announced", "sent", "listed"), [(160_000, 400, 160_000), (0, 400, 148_800), (64_000, 400, 148_800)])
async def test_the_bandwidth_is_what_is_announced_or_what_comes(
    redis: Redis, broadcast_id: str, announced: int, sent: int, listed: int
) -> None:
    view = await view_of(0)
    init = Init(b"init", "audio", "mp4a.40.2", RATE, sample_rate=RATE, channels=2, bit_rate=announced)
    pack = await sounding(redis, broadcast_id, view, init)
    await push(pack, [frame._replace(data=bytes(sent)) for frame in sound(0, 1000)])
    for name in ("source", "360p"):
        await (await begun(redis, broadcast_id, name)).report(variant(name), NOW)
    master = await segment_cache.master(redis, broadcast_id)
    assert master and master.variants
    assert [v.bandwidth for v in master.variants if v.name == "audio"] == [pytest.approx(listed, rel=0.02)]


# --- leaps ----------------------------------------------------------------------------------------------------------------

HOUR_MS = 3_600_000


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS, TURN_MS - HOUR_MS, -8000])
async def test_sound_that_leaps_goes_on_until_the_picture_begins_an_era(redis: Redis, broadcast_id: str, by_ms: int) -> None:
    start = 4_000_000
    view = await view_of(start, start + 2000)
    pack = await sounding(redis, broadcast_id, view)
    lifted = by_ms if by_ms > 0 else by_ms + TURN_MS
    await push(pack, sound(start, start + 3000))
    after = moved(sound(start + 3000, start + 7000), lifted)
    await push(pack, after[:40])
    boundary = start + by_ms + 4000
    await view.update(picture(boundary, boundary + 2000, era=1, number=FIRST_MSN + 2))
    await view.advance(1, FOR_EVER)
    await push(pack, after[40:])
    found = await segments(redis, broadcast_id)
    assert [(segment.msn - FIRST_MSN, segment.era) for segment in found] == [(0, 0), (1, 0), (2, 1), (3, 1)]
    assert [segment.duration_ms for segment in found[:3]] == [pytest.approx(2000, abs=FRAME_MS + 5)] * 3


async def test_sound_of_an_era_that_is_over_still_belongs_to_it(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, 2000)
    pack = await sounding(redis, broadcast_id, view)
    frames = sound(0, 4000)
    await push(pack, frames[:170])
    await view.update(picture(90_000, era=1, number=FIRST_MSN + 2))
    await push(pack, frames[170:])
    await push(pack, moved(sound(4000, 5000), 86_000))
    found = await segments(redis, broadcast_id)
    assert [(segment.msn - FIRST_MSN, segment.era) for segment in found] == [(0, 0), (1, 0), (2, 1)]
    assert found[1].duration_ms == pytest.approx(2000, abs=FRAME_MS + 5)


async def test_sound_that_does_not_leap_with_the_picture_is_taken_along(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, 2000)
    pack = await sounding(redis, broadcast_id, view)
    frames = sound(0, 6000 + STALE_MS)
    await push(pack, frames[:170])
    offset_ms = view.offset_ms - 90_000
    await view.update(Clock(1, offset_ms, [(FIRST_MSN + 2, 94_000)], now_ms(), 0))
    await view.advance(1, FOR_EVER)
    await push(pack, frames[170:])
    found = await segments(redis, broadcast_id)
    assert [(segment.msn - FIRST_MSN, segment.era) for segment in found] == [(0, 0), (1, 0), (2, 1)]
    assert await unbroken(redis, broadcast_id)


async def test_sound_that_leaps_without_the_picture_goes_on_as_if_nothing_was(redis: Redis, broadcast_id: str) -> None:
    pack = await sounding(redis, broadcast_id, await view_of(0, 2000, 4000))
    await push(pack, sound(0, 3000))
    await push(pack, moved(sound(3000, 6000), HOUR_MS))
    assert [segment.msn - FIRST_MSN for segment in await segments(redis, broadcast_id)] == [0, 1, 2]
    assert await unbroken(redis, broadcast_id)


async def test_sound_is_dropped_while_there_is_no_picture_because_its_size_has_changed(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, 2000)
    pack = await sounding(redis, broadcast_id, view)
    await push(pack, sound(0, 3000))
    await view.update(Clock(1, view.offset_ms, [], now_ms(), 1))
    await push(pack, sound(3000, 4000))
    await view.update(Clock(1, view.offset_ms, [(FIRST_MSN + 2, 5000)], now_ms(), 1))
    await view.advance(1, FOR_EVER)
    await push(pack, sound(4000, 6000))
    found = await segments(redis, broadcast_id)
    assert [(s.msn - FIRST_MSN, s.era) for s in found] == [(0, 0), (1, 0), (2, 1)]
    assert found[1].duration_ms == pytest.approx(1000, abs=2 * FRAME_MS)


async def test_stamps_that_stand_still_call_for_a_new_ffmpeg(redis: Redis, broadcast_id: str) -> None:
    """So an ffmpeg that cannot lift them writes those that go back."""
    pack = await sounding(redis, broadcast_id, await view_of(0))
    await push(pack, sound(0, 500))
    still = sound(500, 1500)
    with pytest.raises(Again):
        for number, frame in enumerate(still):
            await pack.push(frame._replace(dts=still[0].dts + number, pts=still[0].dts + number))


# --- silence --------------------------------------------------------------------------------------------------------------


async def test_where_no_sound_comes_there_is_silence_as_far_as_the_picture_has_got(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, seen_ms=QUIET_MS - 1)
    pack = await waiting(redis, broadcast_id, view)
    assert await pack.idle() and not await parts(redis, broadcast_id)
    for seen_ms in (QUIET_MS, 1500, 1600):
        await view.advance(0, seen_ms)
        assert await pack.idle()
    await view.update(view.clock._replace(pairs=[(FIRST_MSN, 0), (FIRST_MSN + 1, 2000)]))
    for seen_ms in (2300, 4000):
        await view.advance(0, seen_ms)
        assert await pack.idle()
    found = await segments(redis, broadcast_id)
    assert [segment.msn - FIRST_MSN for segment in found] == [0, 1]
    assert sum(segment.duration_ms for segment in found) == pytest.approx(4000, abs=PART_MS + FRAME_MS)
    assert await unbroken(redis, broadcast_id)
    assert "audio" not in await segment_cache.measurements(redis, broadcast_id)


@pytest.mark.parametrize(
    ("seen_ms", "made_ms"), [(1000, 1000 + PART_MS), (1300, SHORTEST_SEGMENT_MS), (1600, 1600)], ids=["ahead", "less", "not"]
)
async def test_silence_is_a_part_ahead_of_the_picture_but_not_where_a_segment_may_begin(
    redis: Redis, broadcast_id: str, seen_ms: int, made_ms: int
) -> None:
    pack = await waiting(redis, broadcast_id, await view_of(0, seen_ms=seen_ms))
    await pack.idle()
    assert pack.ends[1] * 1000 / RATE == pytest.approx(made_ms, abs=FRAME_MS)


@pytest.mark.parametrize(("epoch", "made_ms"), [(1, 1700), (2, QUIET_MS)])
async def test_a_successor_makes_no_silence_for_what_its_predecessor_may_have_stored(
    redis: Redis, broadcast_id: str, epoch: int, made_ms: int
) -> None:
    pack = await waiting(redis, broadcast_id, await view_of(0, 2000, 4000, seen_ms=5700), epoch)
    await pack.idle()
    (segment,) = await segments(redis, broadcast_id)
    assert segment.msn == FIRST_MSN + 2
    assert segment.duration_ms == pytest.approx(made_ms, abs=PART_MS + FRAME_MS)


@pytest.mark.parametrize("late_ms", [0, 3000])
async def test_sound_that_is_late_all_the_time_is_not_taken_for_silence(redis: Redis, broadcast_id: str, late_ms: int) -> None:
    view = await view_of(0, 2000, seen_ms=late_ms)
    pack = await sounding(redis, broadcast_id, view)
    for frame in sound(0, 3000):
        await view.advance(0, late_ms + pack.ms(frame.pts))
        await pack.push(frame)
        await pack.idle()
    assert b"hush" not in await media(redis, broadcast_id)
    await view.advance(0, late_ms + 3000 + QUIET_MS)
    await pack.idle()
    assert b"hush" in await media(redis, broadcast_id)


async def test_sound_that_comes_late_follows_the_silence_without_a_gap(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, seen_ms=1500)
    pack = await waiting(redis, broadcast_id, view)
    await pack.idle()
    await pack.begin(AAC)
    await view.update(view.clock._replace(pairs=[(FIRST_MSN, 0), (FIRST_MSN + 1, 2000)]))
    await view.advance(0, FOR_EVER)
    await push(pack, sound(1800, 4000))
    assert await unbroken(redis, broadcast_id)
    data = await media(redis, broadcast_id)
    assert data.count(b"hush") == pytest.approx(1800 / FRAME_MS, abs=2)
    assert data.count(b"sound") == pytest.approx(2200 / FRAME_MS, abs=PART_MS / FRAME_MS + 1)
    assert {part.init for part in await parts(redis, broadcast_id)} == {1}


async def test_a_picture_that_leaps_while_silence_is_stored_gets_silence_of_its_own(
    redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await view_of(0, seen_ms=1300)
    pack = await waiting(redis, broadcast_id, view)
    store = pack.writer.store

    async def store_and_leap(part: Part, data: bytes, now: int, frames: int) -> int:
        number = await store(part, data, now, frames)
        await view.update(picture(9_000_000, era=1, number=FIRST_MSN + 1))
        return number

    monkeypatch.setattr(pack.writer, "store", store_and_leap)
    await pack.idle()
    assert pack.ends[0] == 0
    monkeypatch.undo()
    await view.advance(1, 9_001_100)
    await pack.idle()
    assert pack.ends[0] == 1 and (await parts(redis, broadcast_id))[-1].era == 1


async def test_a_reader_that_hangs_is_followed_by_another(redis: Redis, broadcast_id: str) -> None:
    pack = await sounding(redis, broadcast_id, await view_of(0, seen_ms=0))
    with pytest.raises(Again):
        for _ in range(round(HUNG_S / LOOK_S) + 1):
            assert await pack.idle()


async def test_sound_that_comes_again_is_not_doubled(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, 2000, seen_ms=1000)
    pack = await sounding(redis, broadcast_id, view)
    await push(pack, sound(0, 900))
    await view.advance(0, 3000)
    await pack.idle()
    await push(pack, sound(2000, 4000))
    assert await unbroken(redis, broadcast_id)
    data = await media(redis, broadcast_id)
    assert data.count(b"hush") == pytest.approx((2100 + PART_MS) / FRAME_MS, abs=2)


async def test_sound_that_is_other_than_the_silence_must_be_encoded(redis: Redis, broadcast_id: str) -> None:
    pack = await waiting(redis, broadcast_id, await view_of(0, seen_ms=1500))
    await pack.idle()
    with pytest.raises(Unsupported):
        await pack.begin(Init(b"init", "audio", "mp4a.40.2", 44_100, sample_rate=44_100, channels=1))


async def test_silence_is_like_the_sound_that_was_there(redis: Redis, broadcast_id: str) -> None:
    asked = []

    async def make(rate: int, channels: int) -> Silence:
        asked.append((rate, channels))
        return await silence(rate, channels)

    view = await view_of(0, seen_ms=900)
    pack = AudioPackager(await begun(redis, broadcast_id, "audio"), PART_MS, view, make)
    await pack.begin(Init(b"init", "audio", "mp4a.40.2", RATE, sample_rate=RATE, channels=6))
    await push(pack, sound(0, 900))
    await view.advance(0, 3000)
    await pack.idle()
    assert asked == [(RATE, 6)]


async def test_silence_goes_on_in_a_new_era(redis: Redis, broadcast_id: str) -> None:
    view = await view_of(0, seen_ms=1500)
    pack = await waiting(redis, broadcast_id, view)
    await pack.idle()
    await view.update(picture(90_000, era=1, number=FIRST_MSN + 1))
    await view.advance(1, 91_000)
    await pack.idle()
    found = await segments(redis, broadcast_id)
    assert [(segment.msn - FIRST_MSN, segment.era) for segment in found] == [(0, 0), (1, 1)]
    assert found[1].duration_ms == pytest.approx(1000, abs=PART_MS + FRAME_MS)


async def test_what_has_come_when_the_publisher_leaves_is_stored_where_the_picture_has_begun_a_segment(
    redis: Redis, broadcast_id: str
) -> None:
    pack = await sounding(redis, broadcast_id, await view_of(0, 2000, seen_ms=2200))
    await push(pack, sound(0, 2100))
    assert [segment.msn - FIRST_MSN for segment in await segments(redis, broadcast_id)] == [0]
    await pack.end()
    assert [segment.msn - FIRST_MSN for segment in await segments(redis, broadcast_id)] == [0, 1]
    await pack.begin(AAC)
    await push(pack, sound(2100, 2600))
    assert await unbroken(redis, broadcast_id)


async def test_silence_waits_for_a_picture(redis: Redis, broadcast_id: str) -> None:
    pack = await waiting(redis, broadcast_id, ClockView(now_ms))
    async with asyncio.timeout(0.5):
        assert await pack.idle()
    assert not await parts(redis, broadcast_id)
