"""What the audio job knows of video's segments."""

import asyncio
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from streams import clock
from streams.cache_scripts import BEHIND_MS, CLOCK_TOLERANCE_MS, FIRST_MSN, SHORTEST_SEGMENT_MS
from streams.clock import AHEAD_MS, PATIENCE_MS, ClockView
from streams.hls.stamps import TURN_MS
from streams.segment_cache import Clock
from tests.streams.rig import NOW, begun, boundary, broadcast_id, cut, named, now_ms, redis

__all__ = ["broadcast_id", "redis"]

SOON_S = 1.0


@st.composite
def boundaries(draw: st.DrawFn) -> list[tuple[int, int]]:
    """As the segment clock gives them out."""
    lengths = draw(st.lists(st.integers(SHORTEST_SEGMENT_MS, 5000), min_size=1, max_size=24))
    at, pairs = draw(st.integers(-1000, 10**9)), []
    for number, length in enumerate(lengths):
        pairs.append((FIRST_MSN + number, at))
        at += length
    return pairs


def view_of(pairs: list[tuple[int, int]], watermark_ms: int | None = None) -> ClockView:
    view = ClockView(now_ms)
    view.clock, view.watermark_ms = clock_of(*pairs), watermark_ms
    return view


def clock_of(*pairs: tuple[int, int], era: int = 0, offset_ms: int = 0) -> Clock:
    return Clock(era, offset_ms, list(pairs), at_ms=now_ms(), shape=0)


@given(boundaries(), st.integers(-10_000, 150_000))
def test_a_frame_belongs_to_the_last_segment_that_has_begun(pairs: list[tuple[int, int]], after: int) -> None:
    pts = pairs[0][1] + after
    begun = [msn for msn, at in pairs if at <= pts + CLOCK_TOLERANCE_MS]
    assert view_of(pairs).number(pts) == (begun[-1] if begun else None)


@given(boundaries())
def test_a_segment_begins_with_the_first_frame_at_its_boundary_or_a_rounding_before(pairs: list[tuple[int, int]]) -> None:
    view = view_of(pairs)
    for (before, _), (msn, at) in pairwise(pairs):
        assert [view.number(at + off) for off in (-CLOCK_TOLERANCE_MS - 1, -CLOCK_TOLERANCE_MS, 0)] == [before, msn, msn]


def test_the_next_segment_is_expected_when_one_as_long_as_the_last_would_be_over() -> None:
    view = view_of([(10, 0), (11, 2000), (12, 5000)])
    assert [view.until_boundary_ms(at) for at in (5000, 7900, 9000)] == [3000, 100, 0]
    assert view_of([(10, 0)]).until_boundary_ms(500) == ClockView(now_ms).until_boundary_ms(500) == 0


@given(boundaries(), st.integers(0, 10_000), st.none() | st.integers(0, 10_000), st.integers(0, 5000))
def test_what_is_decided_is_not_changed_by_a_boundary_to_come(
    pairs: list[tuple[int, int]], after: int, video: int | None, length: int
) -> None:
    """The next boundary lies behind the shortest segment, and behind what video has passed."""
    newest = pairs[-1][1]
    pts, watermark = newest + after, None if video is None else newest + video
    view = view_of(pairs, watermark)
    if view.decided(pts):
        coming = max(newest + SHORTEST_SEGMENT_MS, watermark or 0) + CLOCK_TOLERANCE_MS + 1 + length
        assert view_of([*pairs, (pairs[-1][0] + 1, coming)]).number(pts) == view.number(pts)


def test_nothing_is_decided_before_the_first_boundary() -> None:
    view = view_of([], watermark_ms=10_000)
    assert view.number(0) is None and not view.decided(0)


# --- waiting --------------------------------------------------------------------------------------------------------------


async def seconds(waiting: asyncio.Task[None]) -> float:
    began = time.monotonic()
    async with asyncio.timeout(SOON_S):
        await waiting
    return time.monotonic() - began


@pytest.fixture
async def view() -> ClockView:
    """One boundary, 2 s ago, at 0."""
    view = ClockView(now_ms)
    await view.update(clock_of((FIRST_MSN, 0), offset_ms=now_ms() - 2000))
    return view


async def test_sound_waits_for_the_first_boundary_however_long() -> None:
    view = ClockView(now_ms)
    waiting = asyncio.create_task(view.passed(0))
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), PATIENCE_MS / 1000 + 0.2)
    assert not waiting.done()
    await view.update(clock_of((FIRST_MSN, 0), offset_ms=now_ms()))
    assert await seconds(waiting) < 0.1


async def test_sound_soon_after_a_boundary_does_not_wait(view: ClockView) -> None:
    assert await seconds(asyncio.create_task(view.passed(SHORTEST_SEGMENT_MS - 1))) < 0.05


async def test_sound_goes_on_as_soon_as_video_has_passed_it(view: ClockView) -> None:
    waiting = asyncio.create_task(view.passed(2000))
    await view.advance(0, 1999)
    await asyncio.sleep(0)
    assert not waiting.done()
    await view.advance(0, 2000)
    assert await seconds(waiting) < 0.1


async def test_sound_goes_on_as_soon_as_its_segment_begins(view: ClockView) -> None:
    waiting = asyncio.create_task(view.passed(2010))
    await asyncio.sleep(0)
    assert not waiting.done()
    await view.update(clock_of((FIRST_MSN, 0), (FIRST_MSN + 1, 2000), offset_ms=view.offset_ms))
    assert await seconds(waiting) < 0.1
    assert view.number(2010) == FIRST_MSN + 1


async def test_sound_waits_for_late_video_no_longer_than_its_patience(view: ClockView) -> None:
    assert PATIENCE_MS / 1000 - 0.05 < await seconds(asyncio.create_task(view.passed(2000))) < PATIENCE_MS / 1000 + 0.1


async def test_sound_that_is_already_late_waits_for_the_rest_only(view: ClockView) -> None:
    """A second frame does not wait as long again."""
    await view.passed(2000)
    assert await seconds(asyncio.create_task(view.passed(2021))) < 0.1


async def test_sound_that_has_caught_up_is_patient_again(view: ClockView) -> None:
    await view.passed(2000)
    await view.update(clock_of((FIRST_MSN, 0), (FIRST_MSN + 1, 600), offset_ms=view.offset_ms))
    waiting = asyncio.create_task(view.passed(2600 - 21))
    await asyncio.sleep(0)
    assert not waiting.done()
    await seconds(waiting)


async def test_sound_does_not_wait_when_its_era_is_over(view: ClockView) -> None:
    waiting = asyncio.create_task(view.passed(2000))
    await asyncio.sleep(0)
    await view.update(clock_of((FIRST_MSN + 1, 90_000), era=1, offset_ms=now_ms() - 90_000))
    assert await seconds(waiting) < 0.1


async def test_how_far_the_picture_got_in_another_era_says_nothing(view: ClockView) -> None:
    await view.advance(0, 90_000)
    await view.update(clock_of((FIRST_MSN + 1, 0), era=1, offset_ms=now_ms()))
    assert view.watermark_ms is None and not view.decided(2000)
    await view.advance(0, 90_040)
    assert view.watermark_ms is None


@pytest.mark.parametrize("turns", [0, 1, 5])
@pytest.mark.parametrize("off_ms", [-BEHIND_MS + 100, 0, AHEAD_MS - 100])
async def test_a_stamp_of_sound_is_put_beside_the_picture(turns: int, off_ms: int) -> None:
    newest = turns * TURN_MS + 1_000_000
    view = view_of([(FIRST_MSN, newest)])
    assert view.place(1_000_000 + off_ms) == newest + off_ms


@pytest.mark.parametrize("off_ms", [-BEHIND_MS - 100, AHEAD_MS + 100, 3_600_000, -3_600_000])
async def test_a_stamp_of_sound_that_is_far_from_the_picture_has_no_place(off_ms: int) -> None:
    assert view_of([(FIRST_MSN, 9_000_000)]).place(9_000_000 + off_ms) is None


# --- following ------------------------------------------------------------------------------------------------------------


async def until(view: ClockView, pts_ms: int) -> None:
    async with asyncio.timeout(SOON_S):
        await view.passed(pts_ms)


async def test_a_view_follows_what_video_announces(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    async with clock.follow(redis, broadcast_id, now_ms, watermarks=True) as view:
        began = now_ms()
        tick = await boundary(writer, 0, began)
        await until(view, 0)
        assert (view.pairs, view.era, view.offset_ms) == ([(tick.msn, 0)], 0, began)
        await writer.watermark(0, 1800)
        await until(view, 1800)
        assert view.watermark_ms == 1800


async def test_a_view_that_comes_later_knows_what_was_before(redis: Redis, broadcast_id: str) -> None:
    tick = await boundary(await begun(redis, broadcast_id, "source"), 0)
    async with clock.follow(redis, broadcast_id, now_ms) as view:
        await until(view, 0)
        assert view.pairs == [(tick.msn, 0)]


async def test_a_new_era_empties_the_view(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.boundary(0, 90_000, NOW)
    async with clock.follow(redis, broadcast_id, now_ms) as view:
        await until(view, 90_000)
        assert await writer.era(0, 0, NOW + 2000) == (1, 0)
        tick = await boundary(writer, 0, NOW + 2000, era=1)
        async with asyncio.timeout(SOON_S):
            while view.era == 0 or not view.pairs:
                await asyncio.sleep(0.005)
        assert (view.pairs, view.offset_ms) == ([(tick.msn, 0)], NOW + 2000)


async def test_a_view_that_lost_its_subscription_reloads(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.boundary(0, 0, NOW)
    async with named(broadcast_id) as own, clock.follow(own, broadcast_id, now_ms) as view:
        await until(view, 0)
        await cut(redis, broadcast_id)
        await writer.boundary(0, 2000, NOW)
        async with asyncio.timeout(3 * clock.RETRY_S):
            while len(view.pairs) < 2:
                await asyncio.sleep(0.02)
