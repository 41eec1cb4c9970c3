"""The tasks, run as a worker runs them, with a script in ffmpeg's place."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, ProgrammingError, connection, connections
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pymongo.errors import ConnectionFailure
from pytest_django import Settings
from redis.asyncio import Redis

from streams import announcements, broadcasts, capacity, encoder, jobs, leases, packager, segment_cache
from streams.cache_writer import Writer
from streams.documents import Audience
from streams.hls.fmp4 import Malformed
from streams.models import Broadcast, EncodeLease
from streams.rtmp import Stream
from streams.worker import LEAVING
from tests.broadcasts import broadcast_of
from tests.streams.fake_ffmpeg import WAIT, Fake, fake
from tests.streams.rig import (
    EXPECTED,
    NOW,
    PICTURE,
    TONE,
    begun,
    clean_queue,
    encoded,
    fragments,
    now_ms,
    own_channel,
    part,
    random_id,
    redis,
    variant,
)
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["clean_queue", "fake", "redis", "rtmp_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_queue")]

T = TypeVar("T")
SOON_S = 5.0
PROFILE = {"width": 160, "height": 90, "fps": 25.0, "gop_s": 2.0, "kbit_s": 300}


@pytest.fixture(autouse=True)
async def no_connection_is_left() -> AsyncIterator[None]:
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    monkeypatch.setattr(packager, "SILENCE_S", 30)


@pytest.fixture
def broadcast() -> Broadcast:
    return broadcast_of(own_channel(), "publishing", ingest_name=random_id(), ladder=["source", "audio"], profile=PROFILE)


async def encode(broadcast: Broadcast, rendition: str = "source", leaving: asyncio.Event | None = None) -> str:
    async with asyncio.timeout(SOON_S):
        context: Any = SimpleNamespace(job=None, additional_context={LEAVING: leaving or asyncio.Event()})
        result: str = await jobs.encode(context, broadcast.id, rendition)
        return result


async def ask(question: Callable[..., T], *args: Any) -> T:
    return await sync_to_async(question)(*args)


async def lease(broadcast: Broadcast, rendition: str = "source") -> EncodeLease:
    return await EncodeLease.objects.aget(broadcast=broadcast, rendition=rendition)


async def state(broadcast: Broadcast) -> str:
    return str(await Broadcast.objects.values_list("state", flat=True).aget(pk=broadcast.pk))


async def until_running(fake: Fake) -> None:
    async with asyncio.timeout(SOON_S):
        while not fake.running():
            await asyncio.sleep(0.01)


async def until_stored(redis: Redis, broadcast: Broadcast, rendition: str = "source") -> None:
    async with asyncio.timeout(SOON_S):
        while not await segment_cache.timeline(redis, broadcast.id, rendition):
            await asyncio.sleep(0.01)


def picture(fake: Fake, settings: Settings, *more: str) -> None:
    settings.FFMPEG = fake.program(f"cat {fake.file(fragments(PICTURE))}", *more)


# --- the lease ------------------------------------------------------------------------------------------------------------


async def test_a_job_holds_and_renews_its_lease_while_it_encodes(broadcast: Broadcast, fake: Fake, settings: Settings) -> None:
    picture(fake, settings, WAIT)
    running = asyncio.create_task(encode(broadcast))
    await until_running(fake)
    first = await lease(broadcast)
    async with asyncio.timeout(SOON_S):
        while (await lease(broadcast)).expires_at <= first.expires_at:
            await asyncio.sleep(0.02)
    assert await ask(leases.live, broadcast.id) == {"source"}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_leaves_encodes_until_the_successor_has_stored_something(
    broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    others(monkeypatch, 4)
    leaving = asyncio.Event()
    picture(fake, settings, WAIT)
    running = asyncio.create_task(encode(broadcast, leaving=leaving))
    await until_stored(redis, broadcast)
    leaving.set()
    epoch = await claimed(broadcast)
    assert [job.args["rendition"] async for job in ProcrastinateJob.objects.filter(task_name="encode")] == ["source"]
    successor = Writer(redis, broadcast.id, "source", epoch)
    assert await successor.begin(await ask(announcements.reopening, broadcast))
    assert fake.running() and not running.done()
    await successor.store(part(await successor.take(99), epoch=epoch), b"first", NOW)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await lease(broadcast)).epoch == epoch and await ask(leases.live, broadcast.id) == {"source"}


@pytest.mark.parametrize("slots", [0, 4])
async def test_who_leaves_without_a_successor_stops(
    broadcast: Broadcast, fake: Fake, settings: Settings, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    """There is no other worker, or none has a slot that is free."""
    others(monkeypatch, slots)
    monkeypatch.setattr(jobs, "CLAIMED_S", 0.2)
    leaving = asyncio.Event()
    picture(fake, settings, WAIT)
    running = asyncio.create_task(encode(broadcast, leaving=leaving))
    await until_running(fake)
    leaving.set()
    assert await running == "the worker is stopping"
    assert not fake.running() and await ask(leases.live, broadcast.id) == set()


def others(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    async def slots(redis: Redis, but: str = "") -> int | None:
        return number

    monkeypatch.setattr(capacity, "slots", slots)


async def claimed(broadcast: Broadcast) -> int:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                return await ask(leases.claim, broadcast.id, "source", "two")
            except leases.LeaseHeld:
                await asyncio.sleep(0.02)


async def test_a_job_whose_ffmpeg_ends_makes_room_and_has_failed_once(
    broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis
) -> None:
    picture(fake, settings)
    assert await encode(broadcast) == "ffmpeg ended"
    released = await lease(broadcast)
    assert released.failures == 1 and not released.withdrawn
    assert await ask(leases.live, broadcast.id) == set()
    assert await segment_cache.timeline(redis, broadcast.id, "source")
    assert [job.task_name async for job in ProcrastinateJob.objects.filter(queueing_lock="reconcile")] == ["reconcile"]


async def test_a_job_that_ran_for_long_begins_a_new_row_of_failures(
    broadcast: Broadcast, fake: Fake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(fake, settings)
    for failures in (1, 2):
        await encode(broadcast)
        assert (await lease(broadcast)).failures == failures
    monkeypatch.setattr(jobs, "STEADY_S", 0)
    await encode(broadcast)
    assert (await lease(broadcast)).failures == 1


async def test_a_job_whose_ffmpeg_ended_again_and_again_has_used_up_its_tries(
    broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crashing(*_: object) -> encoder.Outcome:
        return encoder.Outcome.CRASHING

    monkeypatch.setattr(encoder, "run", crashing)
    assert await encode(broadcast) == "ffmpeg ended again and again"
    assert (await lease(broadcast)).failures == leases.GIVE_UP_FAILURES


async def test_a_rendition_that_is_held_is_not_encoded_twice(broadcast: Broadcast, fake: Fake, settings: Settings) -> None:
    picture(fake, settings, WAIT)
    await ask(leases.claim, broadcast.id, "source", "another")
    assert (await encode(broadcast)).startswith("lease held")
    assert fake.started() == [] and (await lease(broadcast)).worker == "another"


async def test_a_job_for_an_ended_broadcast_does_nothing(broadcast: Broadcast, fake: Fake, settings: Settings) -> None:
    picture(fake, settings, WAIT)
    await ask(broadcasts.end, broadcast.pk, "stopped", timezone.now())
    assert (await encode(broadcast)).startswith("lease held")
    assert fake.started() == [] and not await EncodeLease.objects.aexists()


async def test_a_job_that_loses_its_lease_kills_its_ffmpeg_and_leaves_the_lease_alone(
    broadcast: Broadcast, fake: Fake, settings: Settings
) -> None:
    picture(fake, settings, WAIT)
    running = asyncio.create_task(encode(broadcast))
    await until_running(fake)
    await EncodeLease.objects.aupdate(epoch=2, worker="another")
    before = await lease(broadcast)
    assert await running == encoder.Outcome.FENCED.value
    after = await lease(broadcast)
    assert fake.running() == []
    assert (after.epoch, after.worker, after.expires_at, after.failures) == (2, "another", before.expires_at, 0)


async def test_the_end_of_the_broadcast_ends_its_jobs(broadcast: Broadcast, fake: Fake, settings: Settings) -> None:
    settings.FFMPEG = fake.program(WAIT)
    running = asyncio.create_task(encode(broadcast))
    await until_running(fake)
    await ask(broadcasts.end, broadcast.pk, "stopped", timezone.now())
    assert await running == encoder.Outcome.FENCED.value
    assert fake.running() == []


async def test_while_postgresql_is_away_a_job_encodes_on(
    broadcast: Broadcast, fake: Fake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(*args: object) -> None:
        asked.append(args)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(leases, "renew", away)
    picture(fake, settings, "sleep 0.5")
    assert await encode(broadcast) == "ffmpeg ended"
    assert len(asked) >= 3


@pytest.mark.parametrize(
    ("epoch", "outcome", "parts"),
    [(1, encoder.Outcome.ENDED, 2), (2, encoder.Outcome.FENCED, 0)],
    ids=["its own", "a successor's"],
)
async def test_a_job_refills_an_emptied_redis_where_the_lease_is_still(
    broadcast: Broadcast,
    fake: Fake,
    settings: Settings,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    epoch: int,
    outcome: encoder.Outcome,
    parts: int,
) -> None:
    monkeypatch.setattr(leases, "RENEW_S", SOON_S)
    data = fragments(PICTURE)
    half = len(data) // 2
    settings.FFMPEG = fake.program(f"cat {fake.file(data[:half])}", "sleep 0.4", f"cat {fake.file(data[half:])}")
    running = asyncio.create_task(encode(broadcast))
    await until_stored(redis, broadcast)
    await EncodeLease.objects.aupdate(epoch=epoch)
    await redis.delete(*[key async for key in redis.scan_iter(match=f"hls:{{{broadcast.id}}}:*", count=1000)])
    assert await running == outcome.value
    assert len(await segment_cache.timeline(redis, broadcast.id, "source")) >= parts
    assert (await segment_cache.master(redis, broadcast.id) is None) == (outcome is encoder.Outcome.FENCED)


async def test_an_error_in_our_own_words_to_the_database_is_not_swallowed(
    broadcast: Broadcast, fake: Fake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: object) -> None:
        raise ProgrammingError("no such column")

    monkeypatch.setattr(leases, "renew", wrong)
    settings.FFMPEG = fake.program(WAIT)
    with pytest.raises(ProgrammingError):
        await encode(broadcast)
    assert fake.running() == []


async def test_a_worker_that_stops_hands_its_lease_over_at_once(
    broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis
) -> None:
    picture(fake, settings, WAIT)
    running = asyncio.create_task(encode(broadcast))
    await until_stored(redis, broadcast)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert fake.running() == [] and (await lease(broadcast)).failures == 0
    assert await ask(leases.overdue) == [(broadcast.id, "source", 0)]
    assert await ask(leases.claim, broadcast.id, "source", "successor") == 2


async def test_a_withdrawn_rendition_is_never_called_again(
    broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis
) -> None:
    await (await begun(redis, broadcast.id, "audio")).measured({})
    settings.FFMPEG = fake.program("echo \"Stream map '0:v:0' matches no streams.\" >&2", "exit 1")
    assert await encode(broadcast) == encoder.Outcome.WITHDRAWN.value
    assert (await lease(broadcast)).withdrawn and await ask(leases.overdue) == []


async def test_in_an_emptied_redis_nobody_waits_for_a_withdrawn_rendition(
    broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis
) -> None:
    await (await begun(redis, broadcast.id, "audio")).measured({})
    settings.FFMPEG = fake.program("echo \"Stream map '0:v:0' matches no streams.\" >&2", "exit 1")
    await encode(broadcast)
    await redis.delete(*[key async for key in redis.scan_iter(match=f"hls:{{{broadcast.id}}}:*", count=1000)])
    settings.FFMPEG = fake.program("exit 1")
    await encode(broadcast, "audio")
    assert await redis.hget(f"hls:{{{broadcast.id}}}:master", "expected") == b"audio"


async def test_an_ffmpeg_that_writes_noise_is_a_failure(broadcast: Broadcast, fake: Fake, settings: Settings) -> None:
    settings.FFMPEG = fake.program("echo this is no video, and goes on for a while", WAIT)
    with pytest.raises(Malformed):
        await encode(broadcast)
    assert (await lease(broadcast)).failures == 1 and fake.running() == []


async def test_each_job_reads_the_ingest_name_and_writes_with_its_epoch(
    broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis
) -> None:
    urls = fake.folder / "urls"
    settings.FFMPEG = fake.program(f'echo "$@" >> {urls}', f"cat {fake.file(fragments(PICTURE))}")
    for _ in range(2):
        await encode(broadcast)
    assert f"{settings.RTMP_URL}/{broadcast.ingest_name}" in urls.read_text()
    records = await segment_cache.timeline(redis, broadcast.id, "source")
    assert {record.epoch for record in records if hasattr(record, "epoch")} == {1, 2}


# --- live -----------------------------------------------------------------------------------------------------------------


async def test_the_first_part_of_a_picture_makes_the_broadcast_live(
    broadcast: Broadcast, fake: Fake, settings: Settings
) -> None:
    picture(fake, settings)
    await encode(broadcast)
    assert await state(broadcast) == "live"


async def test_sound_alone_does_not_make_it_live(broadcast: Broadcast, fake: Fake, settings: Settings, redis: Redis) -> None:
    writer = await begun(redis, broadcast.id, "source")
    for pts_ms in (0, 2000, 4000):
        await writer.boundary(0, pts_ms, now_ms())
    settings.FFMPEG = fake.program(f"cat {fake.file(fragments(TONE))}")
    await encode(broadcast, "audio")
    assert await segment_cache.timeline(redis, broadcast.id, "audio")
    assert await state(broadcast) == "publishing"


# --- the other tasks ------------------------------------------------------------------------------------------------------


async def test_a_look_asks_the_rtmp_server(broadcast: Broadcast, rtmp_server: RtmpServer) -> None:
    rtmp_server.streams = {"stray": Stream("9", 0), broadcast.ingest_name: Stream("7", 2)}
    await jobs.look_after()
    assert rtmp_server.dropped == ["stray"] and await state(broadcast) == "publishing"


async def test_a_look_that_sees_nothing_ends_nothing(broadcast: Broadcast, rtmp_server: RtmpServer) -> None:
    rtmp_server.working = False
    await jobs.look_after()
    assert (await Broadcast.objects.aget(pk=broadcast.pk)).missing_since is None


async def test_a_window_ends_in_its_time_while_the_rtmp_server_is_down(broadcast: Broadcast, rtmp_server: RtmpServer) -> None:
    rtmp_server.working = False
    now = timezone.now()
    waits = {"state": "reconnecting", "connected_at": None, "lost_at": now, "end_reason": "lost"}
    await Broadcast.objects.aupdate(**waits, reconnect_until=now + dt.timedelta(seconds=60))
    await jobs.look_after()
    assert await state(broadcast) == "reconnecting"
    await Broadcast.objects.aupdate(reconnect_until=now)
    await jobs.look_after()
    assert await state(broadcast) == "ended"


def left_by(heartbeat_s: int, task: str = "encode", attempts: int = 1) -> int:
    """A job that a worker is at, or was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 second' * %s) RETURNING id",
            [heartbeat_s],
        )
        (worker,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id, attempts)"
            " VALUES ('any', %s, '{}', 'doing', %s, %s) RETURNING id",
            [task, worker, attempts],
        )
        return int(cursor.fetchone()[0])


async def test_the_jobs_of_a_dead_worker_are_swept_away_and_no_others() -> None:
    dead, alive = await ask(left_by, 60), await ask(left_by, 1)
    await jobs.sweep(0)
    assert [job.id async for job in ProcrastinateJob.objects.all()] == [alive] and dead != alive


@pytest.mark.parametrize("task", ["record", "mail_followers", "tell_room", "enforce_restriction"])
async def test_what_a_dead_worker_was_at_is_tried_again_if_it_may_be(task: str) -> None:
    job = await ask(left_by, 60, task)
    await ask(left_by, 60, task, 100)  # that kills every worker
    await jobs.sweep(0)
    assert [(job.id, job.status, job.attempts) async for job in ProcrastinateJob.objects.all()] == [(job, "todo", 2)]


async def test_what_was_dead_in_another_version_is_swept_away_as_well() -> None:
    await ask(left_by, 60, "unheard_of")
    await jobs.sweep(0)
    assert not await ProcrastinateJob.objects.aexists()


def test_writing_documents_is_tried_again_for_hours() -> None:
    strategy: Any = jobs.record.retry_strategy
    waits = []
    for attempt in range(jobs.RECORD_ATTEMPTS):
        decision = strategy.get_retry_decision(exception=OSError(), job=SimpleNamespace(attempts=attempt))
        waits += [(decision.retry_at - timezone.now()).total_seconds()] if decision else []
    assert waits[0] < 5 and 3600 < sum(waits) < 4 * 3600


# --- audience and pictures ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("key_store")
async def test_minutes_that_are_over_are_kept_once_mongodb_answers(
    broadcast: Broadcast, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast.started_at = timezone.now() - dt.timedelta(minutes=5)
    await ask(broadcast.save)
    key = f"audience:{{{broadcast.pk}}}"
    for minute, peak in ((0, 3), (1, 2), (9, 1)):
        await redis.hset(f"{key}:{minute}", mapping={"peak": peak, "watched_ms": 90_000})
        await redis.sadd(f"{key}:pending", minute)
    with monkeypatch.context() as away:
        away.setattr(Audience, "keep", unreachable)
        with pytest.raises(ConnectionFailure):
            await jobs.keep_audience()
    assert await redis.scard(f"{key}:pending") == 3
    await jobs.keep_audience()
    kept = await ask(Audience.of, broadcast.pk, 0)
    assert {minute: (found["peak"], found["watch_s"]) for minute, found in kept.items()} == {0: (3, 90), 1: (2, 90)}
    assert await redis.smembers(f"{key}:pending") == {b"9"}


def unreachable(*_: object) -> None:
    raise ConnectionFailure


async def test_what_is_live_is_drawn_and_what_has_no_picture_yet_holds_nobody_up(redis: Redis) -> None:
    dark, live = [await ask(broadcast_of, await ask(own_channel), "live") for _ in range(2)]
    writer = await begun(redis, live.pk, "360p")
    init, data = encoded()
    await writer.init(init)
    for name in EXPECTED:
        await (await begun(redis, live.pk, name)).report(variant(name) if name == "360p" else None, NOW)
    await writer.store(part(10, NOW, independent=True, epoch=writer.epoch), data, NOW)
    assert await jobs.draw_thumbnails() == 1
    assert await segment_cache.thumbnail(redis, dark.pk) is None
    assert (await segment_cache.thumbnail(redis, live.pk) or b"").startswith(b"\xff\xd8")
