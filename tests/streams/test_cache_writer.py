"""The scripts run in the real Redis; their time is given."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from streams import segment_cache
from streams.cache_scripts import ALIVE_MS, CLOCK_PAIRS, FIRST_MSN, LATE_AUDIO_MS, LATE_MS, TIMELINE_RECORDS
from streams.cache_writer import Fenced, Forgotten, Writer
from streams.hls.stamps import TURN_MS
from streams.hls.timeline import Part, Timeline
from streams.ring import KEPT_SEGMENTS
from streams.segment_cache import Clock, Master
from tests.streams.rig import (
    EXPECTED,
    NOW,
    begun,
    boundary,
    broadcast_id,
    flush,
    opening,
    part,
    random_id,
    redis,
    sealed,
    variant,
)

__all__ = ["broadcast_id", "redis"]

GIVEN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def names(master: Master) -> list[str] | None:
    return None if master.variants is None else [variant.name for variant in master.variants]


# --- the fence ------------------------------------------------------------------------------------------------------------


async def test_a_lower_epoch_is_refused_from_the_moment_a_higher_one_begins(redis: Redis, broadcast_id: str) -> None:
    old = await begun(redis, broadcast_id, "source", epoch=1)
    await old.store(part(10), b"one", NOW)
    new = await begun(redis, broadcast_id, "source", epoch=2)
    for late in (
        old.store(part(10), b"late", NOW),
        old.init(b"late"),
        old.report(variant("source"), NOW),
        old.begin(opening(broadcast_id)),
    ):
        with pytest.raises(Fenced):
            await late
    await new.store(part(11, epoch=2), b"two", NOW)
    records = await segment_cache.timeline(redis, broadcast_id, "source")
    assert [(r.number, r.epoch) for r in records if isinstance(r, Part)] == [(1, 1), (2, 2)]


async def test_a_lower_epoch_does_not_move_the_segment_clock(redis: Redis, broadcast_id: str) -> None:
    old = await begun(redis, broadcast_id, "source", epoch=1)
    tick = await boundary(old, 0)
    await begun(redis, broadcast_id, "source", epoch=2)
    for late in (old.boundary(0, 2000, NOW + 60_000), old.era(0, 2000, NOW + 60_000), old.reshape(NOW + 60_000)):
        with pytest.raises(Fenced):
            await late
    assert await segment_cache.clock(redis, broadcast_id) == Clock(0, NOW, [(tick.msn, 0)], NOW, 0)


async def offered(redis: Redis, broadcast_id: str) -> tuple[Writer, Writer]:
    """An encoder that has offered its place, and the one that has begun since."""
    old = await begun(redis, broadcast_id, "source", epoch=1)
    await old.store(part(10), b"one", NOW)
    await old.offer()
    new = Writer(redis, broadcast_id, "source", 2)
    assert await new.begin(opening(broadcast_id))
    return old, new


async def test_an_encoder_that_offers_its_place_goes_on_until_the_next_one_stores(redis: Redis, broadcast_id: str) -> None:
    old, new = await offered(redis, broadcast_id)
    await old.store(part(10, NOW + 1), b"two", NOW)
    assert await new.take(11) == 11
    await old.store(part(10, NOW + 2), b"three", NOW)  # the end of the segment before
    assert await new.store(part(11, epoch=2), b"four", NOW) == 4
    with pytest.raises(Fenced):
        await old.store(part(10), b"late", NOW)


async def test_the_next_one_begins_with_a_segment_of_which_there_is_nothing(redis: Redis, broadcast_id: str) -> None:
    old, new = await offered(redis, broadcast_id)
    assert await new.take(10) == 11
    await old.store(part(10), b"two", NOW)
    with pytest.raises(Fenced):
        await old.store(part(11), b"three", NOW)


async def test_what_is_stored_and_what_is_refused_is_counted(redis: Redis, broadcast_id: str) -> None:
    names = (
        "encoded_media_seconds_total",
        "part_latency_seconds_count",
        "part_latency_seconds_sum",
        "stale_writes_refused_total",
    )
    before = [counted(name) for name in names]
    old = await begun(redis, broadcast_id, "360p", epoch=1)
    late_ms = NOW + 333 + 500  # half a second after the end of the part
    await old.store(part(10, at_ms=NOW), b"one", late_ms)
    await begun(redis, broadcast_id, "360p", epoch=2)
    with pytest.raises(Fenced):
        await old.store(part(10), b"two", NOW)
    more = [counted(name) - since for name, since in zip(names, before, strict=True)]
    assert more == pytest.approx([0.333, 1, 0.5, 1], abs=0.01)


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"livestream_{name}", {"rendition": "360p"}) or 0


async def test_a_place_is_offered_once(redis: Redis, broadcast_id: str) -> None:
    old, new = await offered(redis, broadcast_id)
    assert not await Writer(redis, broadcast_id, "source", 3).begin(opening(broadcast_id))
    for late in (old, new):
        with pytest.raises(Fenced):
            await late.store(part(11), b"late", NOW)


async def test_seconds_are_noted_by_one_of_two(redis: Redis, broadcast_id: str) -> None:
    old, new = await offered(redis, broadcast_id)
    await old.note({"at_ms": 1})
    await new.note({"at_ms": 2})
    assert [each["at_ms"] for each in await segment_cache.health(redis, broadcast_id)] == [1]


async def test_a_rendition_is_not_fenced_by_another(redis: Redis, broadcast_id: str) -> None:
    source = await begun(redis, broadcast_id, "source", epoch=1)
    await begun(redis, broadcast_id, "360p", epoch=5)
    assert await source.store(part(10), b"one", NOW) == 1


async def test_nothing_is_written_after_the_end(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.store(part(10), b"one", NOW)
    await segment_cache.end_broadcast(redis, broadcast_id, EXPECTED)
    with pytest.raises(Fenced):
        await writer.store(part(10), b"two", NOW)
    with pytest.raises(Fenced):
        await begun(redis, broadcast_id, "source", epoch=9)


async def test_an_emptied_redis_is_noticed_and_begun_anew(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.store(part(10), b"one", NOW)
    await flush(redis, broadcast_id)
    for late in (writer.store(part(10), b"two", NOW), writer.init(b"init"), writer.report(variant("source"), NOW)):
        with pytest.raises(Forgotten):
            await late
    again = await begun(redis, broadcast_id, "source", epoch=2)
    assert await again.store(part(20, epoch=2), b"two", NOW) == 1
    assert names(await sealed(redis, broadcast_id)) is None  # it knows again whom to wait for


async def test_a_part_whose_answer_was_lost_is_stored_once(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    assert [await writer.store(part(10), b"one", NOW) for _ in range(2)] == [1, 1]
    assert len(await segment_cache.timeline(redis, broadcast_id, "source")) == 1


async def test_an_emptied_redis_is_refilled_with_what_was_stored_lately(redis: Redis, broadcast_id: str) -> None:
    """Under the same names: edges and browsers keep what had them."""
    writer = await begun(redis, broadcast_id, "source")
    for number in range(3):
        await writer.init(f"init {number}".encode())
    for msn in range(10, 20):
        await writer.store(part(msn, NOW + msn), f"part {msn}".encode(), NOW)
    before = await segment_cache.timeline(redis, broadcast_id, "source")
    await flush(redis, broadcast_id)
    clock = Clock(2, NOW, [(18, 16_000), (19, 18_000)], NOW, 1)
    await writer.refill(opening(broadcast_id), clock, NOW)
    assert await segment_cache.timeline(redis, broadcast_id, "source") == before[-KEPT_SEGMENTS:]
    assert await segment_cache.parts(redis, broadcast_id, "source", ["1-9", "1-10"]) == b"part 18part 19"
    assert await segment_cache.init(redis, broadcast_id, "source", 3) == b"init 2"
    assert await writer.store(part(20), b"", NOW) == 11
    assert await boundary(writer, 20_000, era=2) == (20, 2, NOW)
    assert await segment_cache.clock(redis, broadcast_id) == clock._replace(pairs=[*clock.pairs, (20, 20_000)])


async def test_whoever_knows_the_clock_best_refills_it(redis: Redis, broadcast_id: str) -> None:
    await flush(redis, broadcast_id)
    clocks = [Clock(1, NOW, [(19, 18_000)], NOW, 0), Clock(2, NOW, [(18, 400)], NOW, 0), Clock(2, NOW, [(17, 200)], NOW, 0)]
    for rendition, clock in zip(EXPECTED, clocks, strict=True):
        await Writer(redis, broadcast_id, rendition, 1).refill(opening(broadcast_id), clock, NOW)
    assert await segment_cache.clock(redis, broadcast_id) == clocks[1]


async def test_a_refilled_ladder_is_fixed_as_it_was(redis: Redis, broadcast_id: str) -> None:
    writers = [await begun(redis, broadcast_id, name) for name in EXPECTED]
    for writer in writers:
        await writer.report(variant(writer.rendition), NOW, 4000)
    before = await sealed(redis, broadcast_id)
    await flush(redis, broadcast_id)
    for writer in writers:
        await writer.refill(opening(broadcast_id), Clock(0, 0, [], 0, 0), NOW)
    assert await sealed(redis, broadcast_id) == before


async def test_a_successor_has_come_before_the_refill(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await flush(redis, broadcast_id)
    await begun(redis, broadcast_id, "source", epoch=2)
    with pytest.raises(Fenced):
        await writer.refill(opening(broadcast_id), Clock(0, 0, [], 0, 0), NOW)


async def test_a_task_that_writes_all_the_time_can_be_cancelled(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")

    async def write() -> None:
        while True:
            await writer.store(part(10), b"one", NOW)

    for _ in range(20):
        task = asyncio.create_task(write())
        await asyncio.sleep(0.005)
        task.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await task


# --- parts and timelines --------------------------------------------------------------------------------------------------


async def test_records_get_running_numbers_and_parts_their_names(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source", epoch=3)
    assert [await writer.store(part(10, NOW + n), bytes([n]), NOW) for n in (1, 2)] == [1, 2]
    assert await writer.store(part(12), b"\3", NOW) == 3
    records = await segment_cache.timeline(redis, broadcast_id, "source")
    assert [(record.number, type(record)) for record in records] == [(1, Part), (2, Part), (3, Part)]
    assert await segment_cache.parts(redis, broadcast_id, "source", ["3-1", "3-2", "3-3"]) == b"\1\2\3"
    assert await segment_cache.parts(redis, broadcast_id, "source", ["3-1", "3-4"]) is None
    assert await segment_cache.parts(redis, broadcast_id, "source", []) is None


async def test_a_timeline_is_trimmed_and_still_lists_a_whole_window(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    for number in range(TIMELINE_RECORDS + 60):
        await writer.store(part(10 + number // 6, NOW + number), b"", NOW)
    records = await segment_cache.timeline(redis, broadcast_id, "source")
    assert len(records) == TIMELINE_RECORDS and records[-1].number == TIMELINE_RECORDS + 60
    assert all(len(segment.parts) == 6 for segment in list(Timeline(records).segments)[:-1])


async def test_init_sections_are_numbered(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    assert [await writer.init(b"one"), await writer.init(b"two")] == [1, 2]
    assert await segment_cache.init(redis, broadcast_id, "source", 2) == b"two"
    assert await segment_cache.init(redis, broadcast_id, "source", 3) is None


async def test_every_write_renews_what_a_new_viewer_needs(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.init(b"init")
    await writer.boundary(0, 0, NOW)
    await writer.store(part(10), b"one", NOW)
    keys = [key async for key in redis.scan_iter(match=f"*{{{broadcast_id}}}*", count=1000) if b":part:" not in key]
    for key in keys:
        await redis.expire(key, 10)
    await writer.boundary(0, 2000, NOW)
    await writer.store(part(11), b"two", NOW)
    assert {key: ttl for key in keys if (ttl := await redis.ttl(key)) < 60} == {}


# --- the ladder is sealed -------------------------------------------------------------------------------------------------


async def test_the_ladder_is_fixed_when_all_have_reported(redis: Redis, broadcast_id: str) -> None:
    for name in EXPECTED:
        assert names(await sealed(redis, broadcast_id)) is None
        writer = await begun(redis, broadcast_id, name)
        assert await writer.report(variant(name), NOW)
    master = await sealed(redis, broadcast_id)
    assert names(master) == EXPECTED and master.absent == []
    assert master.constants is not None and (master.constants.target_s, master.constants.part_s) == (3, 0.35)


@pytest.mark.parametrize(("late", "waited_ms"), [("audio", LATE_AUDIO_MS), ("source", LATE_MS)])
async def test_the_ladder_does_not_wait_for_long(redis: Redis, broadcast_id: str, late: str, waited_ms: int) -> None:
    low, other = [await begun(redis, broadcast_id, name) for name in ("360p", "source" if late == "audio" else "audio")]
    await other.report(variant(other.rendition), NOW - 1000 if late == "source" else NOW)  # sound does not start the clock
    await low.report(variant("360p"), NOW)
    await low.store(part(10), b"", NOW + waited_ms - 1)
    assert names(await sealed(redis, broadcast_id)) is None
    await low.store(part(11), b"", NOW + waited_ms)
    master = await sealed(redis, broadcast_id)
    assert set(names(master) or []) == {"360p", other.rendition} and master.absent == [late]
    assert not await (await begun(redis, broadcast_id, late)).report(variant(late), NOW + waited_ms + 100)
    assert await sealed(redis, broadcast_id) == master


async def test_who_is_absent_is_not_waited_for(redis: Redis, broadcast_id: str) -> None:
    source, audio, low = [await begun(redis, broadcast_id, name) for name in EXPECTED]
    assert not await source.report(None, NOW)
    await audio.report(variant("audio"), NOW)
    assert names(await sealed(redis, broadcast_id)) is None
    await low.report(variant("360p"), NOW)
    master = await sealed(redis, broadcast_id)
    assert names(master) == ["audio", "360p"] and master.absent == ["source"]


@pytest.mark.parametrize(("gop_ms", "target_s"), [(0, 3), (1000, 3), (2000, 3), (2600, 4), (3000, 4), (4000, 5)])
async def test_the_target_duration_leaves_room_above_the_longest_keyframe_interval(
    redis: Redis, broadcast_id: str, gop_ms: int, target_s: int
) -> None:
    for name in EXPECTED:
        await (await begun(redis, broadcast_id, name)).report(variant(name), NOW, gop_ms if name == "source" else 0)
    assert (await sealed(redis, broadcast_id)).target_s == target_s


async def test_an_absent_source_says_nothing_about_the_target_duration(redis: Redis, broadcast_id: str) -> None:
    for name in EXPECTED:
        writer = await begun(redis, broadcast_id, name)
        await writer.report(None if name == "source" else variant(name), NOW, 8000 if name == "source" else 0)
    assert (await sealed(redis, broadcast_id)).target_s == 3


async def test_a_second_report_changes_what_a_rendition_is_and_nothing_of_a_fixed_ladder(
    redis: Redis, broadcast_id: str
) -> None:
    for name in EXPECTED:
        await (await begun(redis, broadcast_id, name)).report(variant(name), NOW)
    before = await sealed(redis, broadcast_id)
    successor = await begun(redis, broadcast_id, "source", epoch=2)
    assert await successor.report(variant("source", 1280, 720), NOW + 60_000, 4000)
    after = await sealed(redis, broadcast_id)
    assert names(after) == names(before) and after.target_s == before.target_s
    assert [(v.width, v.height) for v in after.variants or [] if v.name == "source"] == [(1280, 720)]


async def test_a_rendition_that_withdraws_later_is_taken_from_the_ladder(redis: Redis, broadcast_id: str) -> None:
    for name in EXPECTED:
        await (await begun(redis, broadcast_id, name)).report(variant(name), NOW)
    assert not await (await begun(redis, broadcast_id, "source")).report(None, NOW + 9000)
    assert names(await sealed(redis, broadcast_id)) == ["audio", "360p"]


# --- the segment clock ----------------------------------------------------------------------------------------------------


async def test_numbers_begin_above_zero_and_rise_with_the_broadcasts_age(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    assert (await boundary(writer, 0, NOW)).msn == FIRST_MSN
    await redis.delete(f"hls:{{{broadcast_id}}}:clock")
    assert (await boundary(writer, 61_900, NOW + 61_900)).msn == FIRST_MSN + 61


async def test_a_known_keyframe_keeps_its_number(redis: Redis, broadcast_id: str) -> None:
    writer, other = await begun(redis, broadcast_id, "source"), await begun(redis, broadcast_id, "360p")
    await writer.boundary(0, 1000, NOW)
    later = await boundary(writer, 3000, NOW + 2000)
    assert later.msn == FIRST_MSN + 1
    for pts in (2995, 3000, 3005):
        assert await other.boundary(0, pts, NOW + 2400) == later
    assert (await boundary(other, 1003, NOW + 2400)).msn == FIRST_MSN
    for pts in (2994, 3006):
        assert await other.boundary(0, pts, NOW + 2400) is None


async def test_the_next_number_is_given_1400_ms_later_at_the_soonest(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.boundary(0, 0, NOW)
    assert await writer.boundary(0, 1399, NOW) is None
    assert (await boundary(writer, 1400, NOW)).msn == FIRST_MSN + 1
    assert await writer.boundary(0, 1000, NOW) is None  # before the last one, and not known


async def test_old_boundaries_are_forgotten_and_numbers_go_on(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    count = CLOCK_PAIRS + 10
    for number in range(count):
        assert (await boundary(writer, number * 2000, NOW)).msn == FIRST_MSN + number
    clock = await segment_cache.clock(redis, broadcast_id)
    assert clock is not None
    assert clock.pairs == [(FIRST_MSN + n, n * 2000) for n in range(count - CLOCK_PAIRS, count)]


async def test_one_wall_clock_offset_dates_all_renditions(redis: Redis, broadcast_id: str) -> None:
    writer, other = await begun(redis, broadcast_id, "source"), await begun(redis, broadcast_id, "360p")
    first = await boundary(writer, 5000)
    assert first.offset_ms == NOW - 5000
    assert (await boundary(other, 5000, NOW + 700)).offset_ms == first.offset_ms
    assert (await boundary(other, 7000, NOW + 2700)).offset_ms == first.offset_ms


@GIVEN
@given(data=st.data())
async def test_renditions_in_any_order_agree_on_every_number(redis: Redis, data: st.DataObject) -> None:
    keyframes = [500 + 2000 * number for number in range(6)]
    asked = [(name, pts) for name in ("source", "720p", "360p") for pts in keyframes]
    stamps = {ask: ask[1] + data.draw(st.integers(-2, 2)) for ask in asked}
    order = data.draw(interleavings([[a for a in asked if a[0] == name] for name in ("source", "720p", "360p")]))
    name = random_id()
    await segment_cache.open_broadcast(redis, opening(name))
    writers = {rendition: await begun(redis, name, rendition) for rendition in ("source", "720p", "360p")}
    numbers = {ask: (await boundary(writers[ask[0]], stamps[ask])).msn for ask in order}
    for index, pts in enumerate(keyframes):
        assert {numbers[rendition, pts] for rendition in writers} == {FIRST_MSN + index}


@st.composite
def interleavings(draw: st.DrawFn, rows: list[list[tuple[str, int]]]) -> list[tuple[str, int]]:
    """Each row in its own order; nobody is more than a segment ahead of the others."""
    left = [list(row) for row in rows]
    merged = []
    while any(left):
        behind = max(len(row) for row in left)
        row = draw(st.sampled_from([row for row in left if row and len(row) >= behind - 1]))
        merged.append(row.pop(0))
    return merged


async def test_many_who_ask_at_once_get_one_answer(redis: Redis, broadcast_id: str) -> None:
    async def ask(epoch: int) -> list[int]:
        async with segment_cache.connect() as own:
            writer = await begun(own, broadcast_id, f"r{epoch}")
            return [(await boundary(writer, number * 2000 + epoch % 5, NOW)).msn for number in range(10)]

    answers = await asyncio.gather(*[ask(n) for n in range(8)])
    assert answers == [[FIRST_MSN + n for n in range(10)]] * 8


# --- eras -----------------------------------------------------------------------------------------------------------------


async def test_stamps_that_leap_begin_one_era_for_all(redis: Redis, broadcast_id: str) -> None:
    writers = [await begun(redis, broadcast_id, name) for name in ("source", "360p", "480p")]
    await writers[0].boundary(0, 100_000, NOW)
    found = await asyncio.gather(*[writer.era(0, 40 * n, NOW + 2000 + 40 * n) for n, writer in enumerate(writers)])
    assert found == [(1, 0), (1, 40), (1, 80)]
    tick = await writers[0].boundary(1, 0, NOW + 2010)
    assert tick == (FIRST_MSN + 1, 1, NOW + 2000)
    assert await writers[1].boundary(1, 0, NOW + 2400) == tick


async def test_before_the_first_segment_every_stamp_is_of_the_first_era(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    assert await writer.era(None, 5000, NOW) == (0, 5000)
    assert await segment_cache.clock(redis, broadcast_id) is None


@pytest.mark.parametrize("turns", [1, 3])
async def test_a_stamp_is_put_on_the_line_that_has_gone_on_for_turns(redis: Redis, broadcast_id: str, turns: int) -> None:
    writer, other = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    await writer.boundary(0, turns * TURN_MS - 500, NOW)
    assert await other.era(None, 300, NOW + 900) == (0, turns * TURN_MS + 300)


@pytest.mark.parametrize("stamp_ms", [0, 95_000, 200_000])
async def test_an_encoder_that_has_just_begun_joins_the_era_that_is_alive(
    redis: Redis, broadcast_id: str, stamp_ms: int
) -> None:
    writer, other = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    await writer.boundary(0, 100_000, NOW)
    assert await other.era(None, stamp_ms, NOW + ALIVE_MS) == (0, stamp_ms)


async def test_encoders_that_all_begin_anew_notice_a_leap_of_the_stamps_meanwhile(redis: Redis, broadcast_id: str) -> None:
    first, second = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    await first.boundary(0, 100_000, NOW)
    later = NOW + ALIVE_MS + 1
    assert await second.era(None, 100_000 + ALIVE_MS + 40, later) == (0, 100_000 + ALIVE_MS + 40)
    assert await first.era(None, 0, later) == (1, 0)
    assert await second.era(None, 40, later + 40) == (1, 40)


async def test_a_late_rendition_begins_no_segment_with_the_stamps_of_an_era_that_is_over(
    redis: Redis, broadcast_id: str
) -> None:
    quick, slow = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    await quick.boundary(0, 100_000, NOW)
    await quick.era(0, 0, NOW + 2000)
    assert await slow.boundary(0, 102_000, NOW + 2100) is None
    tick = await quick.boundary(1, 0, NOW + 2200)
    assert await slow.boundary(0, 104_000, NOW + 2300) is None
    assert await slow.era(0, 0, NOW + 2400) == (1, 0)
    assert await slow.boundary(1, 0, NOW + 2400) == tick


async def test_a_publisher_whose_media_is_ahead_of_the_clock_is_cut_all_the_same(redis: Redis, broadcast_id: str) -> None:
    """A relay sends what it has in store at once."""
    writer, other = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    numbers = [(await boundary(writer, pts_ms, NOW)).msn for pts_ms in range(0, 12_000, 2000)]
    assert numbers == list(range(FIRST_MSN, FIRST_MSN + 6))
    assert await other.era(None, 12_000, NOW + 2000) == (0, 12_000)
    assert (await boundary(other, 12_000, NOW + 2000)).msn == FIRST_MSN + 6


async def test_numbers_only_rise_through_eras(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    numbers: list[int] = []
    for era in range(3):
        if era:
            assert await writer.era(era - 1, 0, NOW + era * 60_000) == (era, 0)
        numbers += [(await boundary(writer, n * 2000, NOW + era * 60_000 + n * 2000, era=era)).msn for n in range(3)]
    assert numbers == list(range(FIRST_MSN, FIRST_MSN + 9))


async def test_a_picture_of_another_shape_whose_stamps_leap_too_gets_an_era_that_fits_them(
    redis: Redis, broadcast_id: str
) -> None:
    first, second = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    await first.boundary(0, 1000, NOW)
    await first.reshape(NOW + 1500)
    assert await first.era(None, 5_000_000, NOW + 2100) == (2, 5_000_000)
    assert await second.era(None, 5_000_040, NOW + 2140) == (2, 5_000_040)
    assert await first.boundary(2, 5_000_000, NOW + 2100) == (FIRST_MSN + 1, 2, NOW + 2100 - 5_000_000)


async def test_a_picture_of_another_shape_begins_an_era_without_a_leap(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.boundary(0, 1000, NOW)
    await writer.reshape(NOW + 1500)
    assert await segment_cache.clock(redis, broadcast_id) == Clock(1, NOW - 1000, [], NOW + 1500, 1)
    assert await writer.era(None, 3000, NOW + 2100) == (1, 3000)
    assert await writer.boundary(1, 3000, NOW + 2100) == (FIRST_MSN + 1, 1, NOW - 1000)
