"""What is stopped and brought back, on the real stores: the seconds are written as a source's job would."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from streams import announcements, capacity, health, leases, load, segment_cache
from streams.cache_writer import Fenced, Writer
from streams.models import Broadcast, EncodeLease
from streams.shedding import RETURN_S, SECONDS
from tests.broadcasts import broadcast_of
from tests.log_lines import json_of
from tests.streams.rig import own_channel, part, random_id, variant

NOTED = {"kbit_s": 2500, "fps": 30, "gop_s": 2, "reorder_ms": 0, "ahead_ms": 0, "era": 0}
LADDER = ["source", "audio", "360p", "480p", "720p"]


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many renditions more."""
    free = [10]
    monkeypatch.setattr(capacity, "room", lambda: free[0])
    return free


@pytest.fixture
def broadcast(db: None, now: dt.datetime) -> Broadcast:
    """Everybody encodes, and has reported."""
    made = broadcast_of(own_channel(), "live", ingest_name=random_id(), ladder=LADDER, started_at=now, live_at=now)
    in_redis(segment_cache.open_broadcast, announcements.opening(made))
    for rendition in LADDER:
        encode(made, rendition, leases.claim(made.id, rendition, "one"), now)
    return made


def in_redis(call: Any, *args: Any) -> Any:
    async def run() -> Any:
        async with segment_cache.connect() as redis:
            return await call(redis, *args)

    return async_to_sync(run)()


def encode(broadcast: Broadcast, rendition: str, epoch: int, now: dt.datetime) -> bool:
    """A part, and a report: whether the rendition is listed."""
    opening = announcements.reopening(broadcast)

    async def write(redis: Redis) -> bool:
        writer = Writer(redis, broadcast.pk, rendition, epoch)
        await writer.begin(opening)
        await writer.store(part(10, at_ms=ms(now, -0.4)), b"one", ms(now))
        return await writer.report(variant(rendition), ms(now))

    return bool(in_redis(write))


def ms(now: dt.datetime, after_s: float = 0) -> int:
    return round((now.timestamp() + after_s) * 1000)


def note(broadcast: Broadcast, now: dt.datetime, late: str | None = "480p") -> None:
    """As many seconds as are looked at, in which one transcode is late."""
    epochs = dict(EncodeLease.objects.filter(broadcast=broadcast, withdrawn=False).values_list("rendition", "epoch"))

    async def write(redis: Redis) -> None:
        for n in range(1 - SECONDS, 1):
            for rendition, epoch in epochs.items():
                ends = part(20 + n, at_ms=ms(now, n - (3 if rendition == late else 0.4)), epoch=epoch)
                await Writer(redis, broadcast.pk, rendition, epoch).store(ends, b"", ms(now, n), frames=30)
            await Writer(redis, broadcast.pk, "source", epochs["source"]).note({"at_ms": ms(now, n)} | NOTED)

    in_redis(write)


def listed(broadcast: Broadcast) -> list[str]:
    return [each.name for each in in_redis(segment_cache.master, broadcast.pk).variants]


def waiting() -> list[str]:
    return [job.args["rendition"] for job in ProcrastinateJob.objects.filter(task_name="encode", status="todo")]


def after(now: dt.datetime, seconds: float) -> dt.datetime:
    return now + dt.timedelta(seconds=seconds)


def test_where_all_keep_up_nothing_is_stopped(broadcast: Broadcast, now: dt.datetime) -> None:
    note(broadcast, now, late=None)
    load.balance([broadcast], now)
    assert listed(broadcast) == LADDER and not leases.withdrawn(broadcast.pk)


def test_the_costliest_transcode_is_stopped_and_its_encoder_is_refused(broadcast: Broadcast, now: dt.datetime) -> None:
    note(broadcast, now)
    before = counted("sheds", "720p")
    load.balance([broadcast], now)
    assert listed(broadcast) == LADDER[:-1] and leases.withdrawn(broadcast.pk) == {"720p"}
    assert counted("sheds", "720p") == before + 1
    with pytest.raises(Fenced):
        in_redis(late_write, broadcast)
    with pytest.raises(leases.LeaseLost):
        leases.renew(broadcast.pk, "720p", 1)
    with pytest.raises(leases.LeaseHeld):
        leases.claim(broadcast.pk, "720p", "two")


def counted(what: str, rendition: str) -> float:
    return REGISTRY.get_sample_value(f"livestream_{what}_total", {"rendition": rendition}) or 0


async def late_write(redis: Redis, broadcast: Broadcast) -> None:
    await Writer(redis, broadcast.pk, "720p", 1).store(part(30), b"late", 0)


def test_the_job_that_it_is_taken_from_gives_nothing_back(broadcast: Broadcast, now: dt.datetime) -> None:
    note(broadcast, now)
    load.balance([broadcast], now)
    leases.release(broadcast.pk, "720p", 1)
    assert leases.withdrawn(broadcast.pk) == {"720p"}


def test_its_lines_say_which_broadcast_and_rendition_they_are_about(broadcast: Broadcast, now: dt.datetime) -> None:
    with json_of("streams.load") as written:
        note(broadcast, now)
        load.balance([broadcast], now)
        note(broadcast, later := after(now, RETURN_S), late=None)
        load.balance([broadcast], later)
    assert [line["message"].partition(":")[0] for line in written.lines] == [
        f"720p of {broadcast.pk} is stopped",
        f"720p of {broadcast.pk} comes back",
    ]
    assert {(line["broadcast"], line["rendition"]) for line in written.lines} == {(broadcast.pk, "720p")}


def test_one_is_stopped_at_a_time(broadcast: Broadcast, now: dt.datetime) -> None:
    for seconds, left in ((0, LADDER[:-1]), (5, LADDER[:-1]), (20, LADDER[:-2]), (40, LADDER[:-2])):
        note(broadcast, after(now, seconds), late="360p")
        load.balance([broadcast], after(now, seconds))
        assert listed(broadcast) == left


def test_the_dashboard_says_what_is_paused_and_not_how_far_behind_it_is(broadcast: Broadcast, now: dt.datetime) -> None:
    note(broadcast, now)
    load.balance([broadcast], now)
    note(broadcast, after(now, 30), late=None)
    assert [each for each in health.advice_of(broadcast) if "quality" in each or "slow" in each] == ["shed_quality:720p"]
    seconds, _ = health.look(broadcast.pk, 0, ms(now, 30))
    assert seconds[-1]["lag_s"].keys() == set(LADDER[:-1])


def test_it_comes_back_for_new_viewers_with_a_list_of_its_own(broadcast: Broadcast, now: dt.datetime, room: list[int]) -> None:
    note(broadcast, now)
    load.balance([broadcast], now)
    later = after(now, RETURN_S)
    note(broadcast, later, late=None)
    room[0] = 0
    load.balance([broadcast], later)
    assert waiting() == [] and leases.withdrawn(broadcast.pk) == {"720p"}
    room[0], before = 1, counted("shed_returns", "720p")
    load.balance([broadcast], later)
    assert waiting() == ["720p"] and listed(broadcast) == LADDER[:-1]
    assert counted("shed_returns", "720p") == before + 1
    epoch = leases.claim(broadcast.pk, "720p", "two")
    assert encode(broadcast, "720p", epoch, later)
    assert listed(broadcast) == LADDER and health.advice_of(broadcast)[-1:] != ["shed_quality:720p"]
    assert [record.number for record in in_redis(segment_cache.timeline, broadcast.pk, "720p")] == [1]


def test_what_came_late_once_is_not_listed_for_that(broadcast: Broadcast, now: dt.datetime) -> None:
    note(broadcast, now)
    load.balance([broadcast], now)
    epoch = EncodeLease.objects.get(rendition="720p").epoch
    assert not encode(broadcast, "720p", epoch, now)


def test_where_nobody_publishes_nothing_changes(broadcast: Broadcast, now: dt.datetime) -> None:
    note(broadcast, now)
    broadcast.connected_at = None
    load.balance([broadcast], now)
    assert listed(broadcast) == LADDER


def test_what_keeps_failing_is_said_on_the_dashboard(broadcast: Broadcast, now: dt.datetime) -> None:
    for _ in range(leases.GIVE_UP_FAILURES):
        leases.release(broadcast.pk, "480p", EncodeLease.objects.get(rendition="480p").epoch, failed=1)
    load.give_up(broadcast.pk, "480p", now)
    assert listed(broadcast) == ["source", "audio", "360p", "720p"]
    assert health.advice_of(broadcast)[-1] == "failed_quality:480p"
