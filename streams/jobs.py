"""What the worker pools do: encode one rendition, look after what is live, write documents."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.jobs import Status
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from accounts import purge as accounts_purge
from streams import (
    announcements,
    audience,
    broadcasts,
    capacity,
    database_time,
    deferred,
    encoder,
    figures,
    leases,
    metrics,
    notices,
    purge,
    reconcile,
    records,
    rtmp,
    segment_cache,
    thumbnails,
)
from streams.cache_writer import Fenced, Forgotten, Writer
from streams.database_time import DatabaseTime
from streams.documents import Audience
from streams.encoder import Job, Outcome
from streams.ladder import AUDIO, Profile
from streams.models import Broadcast
from streams.moments import unix_ms
from streams.worker import LEAVING, STALLED_S
from streams.worker import name as worker_name

log = logging.getLogger(__name__)

STEADY_S = 30  # an encoder that ran for longer and then failed has not failed in a row
CLAIMED_S = 3  # a successor that is there claims at once
LOOK_S = 0.1
RECORD_ATTEMPTS = 12  # the last some two hours after the first

P = ParamSpec("P")
T = TypeVar("T")


class WorkerDied(Exception):
    """While it was at a job."""


def in_database(call: Callable[P, T]) -> Callable[P, Any]:
    """As a coroutine function; a broken connection is dropped, so that the next call gets a new one."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except (OperationalError, InterfaceError):
            connection.close()
            raise

    return sync_to_async(run)


async def _now() -> dt.datetime:
    return await in_database(database_time.now)()


@app.task(name="encode", queue="encode", pass_context=True)
async def encode(context: JobContext, broadcast_id: str, rendition: str) -> str:
    """Encode one rendition for as long as the lease is ours."""
    worker = f"{socket.gethostname()}:{context.job.id if context.job else 0}"
    try:
        epoch = await in_database(leases.claim)(broadcast_id, rendition, worker)
    except leases.LeaseHeld as error:
        return f"lease held: {error}"
    began, outcome = time.monotonic(), Outcome.ENDED
    try:
        shared = DatabaseTime(await _now())
        job = await in_database(_job)(broadcast_id, rendition, epoch, shared)
        with metrics.encodes.labels(rendition).track_inprogress():
            outcome = await _encode(job, shared, context.additional_context[LEAVING])
    except asyncio.CancelledError:
        outcome = Outcome.CANCELLED
        raise
    finally:
        metrics.encodes_ended.labels(rendition, outcome.name.lower()).inc()
        steady = time.monotonic() - began >= STEADY_S
        await in_database(_release)(broadcast_id, rendition, epoch, outcome, steady)
    return outcome.value


def _release(broadcast_id: str, rendition: str, epoch: int, outcome: Outcome, steady: bool) -> None:
    failed = leases.GIVE_UP_FAILURES if outcome is Outcome.CRASHING else int(outcome is Outcome.ENDED)
    withdrawn = outcome is Outcome.WITHDRAWN
    leases.release(broadcast_id, rendition, epoch, failed=failed, steady=steady, withdrawn=withdrawn)
    deferred.reconcile()


async def _encode(job: Job, shared: DatabaseTime, leaving: asyncio.Event) -> Outcome:
    """The child and the lease run side by side; the first to end ends both."""

    async def first_part() -> None:
        if job.rendition != AUDIO:
            await in_database(_go_live)(job.broadcast_id, job.session)

    async def prove() -> segment_cache.Opening:
        try:
            return await in_database(_prove)(job)
        except leases.LeaseLost as error:
            raise Fenced from error
        except (OperationalError, InterfaceError) as error:
            raise Forgotten from error

    async with segment_cache.connect() as redis:
        encoding = asyncio.create_task(encoder.run(job, redis, first_part, prove))
        holding = asyncio.create_task(_hold(job, shared, redis, leaving))
        try:
            await asyncio.wait({encoding, holding}, return_when=asyncio.FIRST_COMPLETED)
            return encoding.result() if encoding.done() else holding.result()
        finally:
            for task in (encoding, holding):
                task.cancel()
            await asyncio.gather(encoding, holding, return_exceptions=True)


async def _hold(job: Job, shared: DatabaseTime, redis: Redis, leaving: asyncio.Event) -> Outcome:
    """Returns when the lease is lost; while PostgreSQL is away nobody can claim it, so encoding goes on. When this worker is
    leaving, when nobody takes the place."""
    while not await _within(leases.RENEW_S, leaving):
        try:
            shared.set(await in_database(leases.renew)(job.broadcast_id, job.rendition, job.epoch))
        except leases.LeaseLost:
            return Outcome.FENCED
        except (OperationalError, InterfaceError) as error:
            log.warning("lease not renewed, encoding on: %s", type(error).__name__)
    if await _is_taken_over(job, redis):
        await asyncio.Event().wait()  # the successor's first part ends the encoding
    return Outcome.CANCELLED


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def _is_taken_over(job: Job, redis: Redis) -> bool:
    """Offer the place to another worker, if there is one. Whoever claims it finds this job at work."""
    try:
        if not await capacity.slots(redis, but=worker_name("encode")):
            return False
        await Writer(redis, job.broadcast_id, job.rendition, job.epoch).offer()
        await in_database(_offer)(job)
        async with asyncio.timeout(CLAIMED_S):
            while not await in_database(leases.is_taken)(job.broadcast_id, job.rendition, job.epoch):
                await asyncio.sleep(LOOK_S)
    except (OperationalError, InterfaceError, RedisError, Fenced, Forgotten, TimeoutError) as error:
        log.info("nobody takes over: %s", type(error).__name__)
        return False
    return True


def _offer(job: Job) -> None:
    with transaction.atomic():
        leases.offer(job.broadcast_id, job.rendition, job.epoch)
        deferred.encode(job.broadcast_id, job.rendition)


def _prove(job: Job) -> segment_cache.Opening:
    leases.renew(job.broadcast_id, job.rendition, job.epoch)
    return announcements.reopening(Broadcast.objects.get(pk=job.broadcast_id))


def _job(broadcast_id: str, rendition: str, epoch: int, shared: DatabaseTime) -> Job:
    broadcast = Broadcast.objects.get(pk=broadcast_id)
    return Job(
        opening=announcements.reopening(broadcast),
        rendition=rendition,
        epoch=epoch,
        session=broadcast.epoch,
        is_early=broadcast.state != Broadcast.State.LIVE,
        is_fixed=broadcast.live_at is not None,
        url=f"{settings.RTMP_URL}/{broadcast.ingest_name}",
        profile=Profile(**broadcast.profile) if broadcast.profile else None,
        binary=settings.FFMPEG,
        preset=settings.X264_PRESET,
        now_ms=shared.now_ms,
    )


def _go_live(broadcast_id: str, session: int) -> None:
    if broadcasts.go_live(broadcast_id, database_time.now(), session):
        log.info("broadcast %s is live", broadcast_id)


@app.task(name="record", queue="jobs", retry=RetryStrategy(max_attempts=RECORD_ATTEMPTS, exponential_wait=2))
async def record(broadcast_id: str) -> None:
    async with segment_cache.connect() as redis:
        jpeg = await segment_cache.thumbnail(redis, broadcast_id)
    if jpeg:  # first: MongoDB may be away for longer than the picture is there
        await in_database(thumbnails.keep_poster)(broadcast_id, jpeg)
    await in_database(records.write)(broadcast_id)


@app.periodic(cron="* * * * * */10")
@app.task(name="draw_thumbnails", queue="jobs", queueing_lock="draw_thumbnails", lock="draw_thumbnails")
async def draw_thumbnails(timestamp: int = 0) -> int:
    """Of all that is live, one after the other; how many there were."""
    live, drawn = await in_database(thumbnails.on_air)(), 0
    async with segment_cache.connect() as redis:
        for broadcast_id in live:
            try:
                jpeg = await asyncio.to_thread(thumbnails.draw, await thumbnails.keyframe(redis, broadcast_id))
            except thumbnails.NoPicture:
                continue
            await segment_cache.keep_thumbnail(redis, broadcast_id, jpeg)
            drawn += 1
    return drawn


@app.periodic(cron="* * * * * 10")
@app.task(name="keep_audience", queue="jobs", queueing_lock="keep_audience", lock="keep_audience")
async def keep_audience(timestamp: int = 0) -> None:
    """Write the minutes that are over to MongoDB; what cannot be written stays where it is, for the next time."""
    now = await _now()
    async with segment_cache.connect() as redis:
        for broadcast_id, began_ms in await in_database(figures.awaited)(now):
            minutes = await audience.pending(redis, broadcast_id, began_ms, unix_ms(now))
            await in_database(Audience.keep)(broadcast_id, minutes)
            await audience.forget(redis, broadcast_id, list(minutes))


@app.periodic(cron="* * * * * *")
@app.task(name="reconcile", queue="jobs", queueing_lock="reconcile")
async def look_after(timestamp: int = 0) -> None:
    """Compare what should be live with the RTMP server and the leases; hooks are only hints."""
    await in_database(reconcile.look)(await _published(), await _now())


async def _published() -> dict[str, rtmp.Stream] | None:
    """None where the RTMP server does not say."""
    try:
        async with rtmp.client() as client:
            return await rtmp.streams(client)
    except rtmp.Unreachable as error:
        log.warning("%s", error)
        return None


@app.periodic(cron="* * * * *")
@app.task(name="sweep", queue="jobs", queueing_lock="sweep")
async def sweep(timestamp: int) -> None:
    """What workers that died were at: what may be tried again is, as if it had failed. The rest is cleared away: periodic jobs
    come by themselves, and who encodes is a matter of leases."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
        strategy = app.tasks[job.task_name].retry_strategy if job.task_name in app.tasks else None
        again = strategy.get_retry_decision(exception=WorkerDied(), job=job) if strategy else None
        if again:
            await app.job_manager.retry_job(job, retry_at=again.retry_at)
        else:
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)


# --- followers, and what expires ------------------------------------------------------------------------------------------


@app.task(name="tell_followers", queue="jobs", retry=RetryStrategy(max_attempts=5, wait=5))
async def tell_followers(broadcast_id: str) -> None:
    await in_database(notices.begin)(broadcast_id, await _now())


@app.task(name="mail_followers", queue="jobs", retry=RetryStrategy(max_attempts=8, exponential_wait=3))
async def mail_followers(broadcast_id: str) -> int:
    return await in_database(notices.send)(broadcast_id, await _now())


@app.periodic(cron="17 * * * *")
@app.task(name="purge", queue="jobs", queueing_lock="purge")
async def purge_expired(timestamp: int = 0) -> None:
    now = await _now()
    for forget in (accounts_purge.sessions, accounts_purge.tokens, accounts_purge.addresses, accounts_purge.pictures):
        await in_database(forget)(now)
    for forget in (purge.addresses, purge.pictures):
        await in_database(forget)(now)
    try:
        await in_database(purge.keys)(now)
    except PyMongoError as error:
        log.warning("keys are purged later: %s", type(error).__name__)
