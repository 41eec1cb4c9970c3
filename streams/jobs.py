"""What the worker pools do: encode one rendition, look after what is live, write documents."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.jobs import Status

from streams import broadcasts, encoder, leases, reconcile, rtmp, segment_cache
from streams.encoder import Job, Outcome
from streams.ladder import AUDIO, Profile
from streams.models import Broadcast
from streams.worker import STALLED_S

log = logging.getLogger(__name__)

STEADY_S = 30  # an encoder that ran for longer and then failed has not failed in a row
RECORD_ATTEMPTS = 12  # the last some two hours after the first

P = ParamSpec("P")
T = TypeVar("T")


def in_database(call: Callable[P, T]) -> Callable[P, Any]:
    """As a coroutine function; a broken connection is dropped, so that the next call gets a new one."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except (OperationalError, InterfaceError):
            connection.close()
            raise

    return sync_to_async(run)


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
        job = await in_database(_job)(broadcast_id, rendition, epoch)
        outcome = await _encode(job)
    except asyncio.CancelledError:
        outcome = Outcome.CANCELLED
        raise
    finally:
        steady = time.monotonic() - began >= STEADY_S
        await in_database(_release)(broadcast_id, rendition, epoch, outcome, steady)
    return outcome.value


def _release(broadcast_id: str, rendition: str, epoch: int, outcome: Outcome, steady: bool) -> None:
    failed, withdrawn = outcome is Outcome.ENDED, outcome is Outcome.WITHDRAWN
    leases.release(broadcast_id, rendition, epoch, failed=failed, steady=steady, withdrawn=withdrawn)
    broadcasts.wake_reconciler()


async def _encode(job: Job) -> Outcome:
    """The child and the lease run side by side; the first to end ends both."""

    async def first_part() -> None:
        if job.rendition != AUDIO:
            await in_database(_go_live)(job.broadcast_id)

    async with segment_cache.connect() as redis:
        encoding = asyncio.create_task(encoder.run(job, redis, first_part))
        renewing = asyncio.create_task(_renew(job))
        try:
            await asyncio.wait({encoding, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if encoding.done():
                return encoding.result()
            renewing.result()
            return Outcome.FENCED
        finally:
            for task in (encoding, renewing):
                task.cancel()
            await asyncio.gather(encoding, renewing, return_exceptions=True)


async def _renew(job: Job) -> None:
    """Returns when the lease is lost; while PostgreSQL is away nobody can claim it, so encoding goes on."""
    while True:
        await asyncio.sleep(leases.RENEW_S)
        try:
            await in_database(leases.renew)(job.broadcast_id, job.rendition, job.epoch)
        except leases.LeaseLost:
            return
        except (OperationalError, InterfaceError) as error:
            log.warning("lease not renewed, encoding on: %s", type(error).__name__)


def _job(broadcast_id: str, rendition: str, epoch: int) -> Job:
    broadcast = Broadcast.objects.get(pk=broadcast_id)
    return Job(
        opening=broadcasts.opening(broadcast),
        rendition=rendition,
        epoch=epoch,
        url=f"{settings.RTMP_URL}/{broadcast.ingest_name}",
        profile=Profile(**broadcast.profile) if broadcast.profile else None,
        binary=settings.FFMPEG,
        preset=settings.X264_PRESET,
    )


def _go_live(broadcast_id: str) -> None:
    if broadcasts.go_live(broadcast_id, timezone.now()):
        log.info("broadcast %s is live", broadcast_id)


@app.task(name="record", queue="jobs", retry=RetryStrategy(max_attempts=RECORD_ATTEMPTS, exponential_wait=2))
async def record(broadcast_id: str) -> None:
    await in_database(broadcasts.record)(broadcast_id)


@app.periodic(cron="* * * * * */2")
@app.task(name="reconcile", queue="jobs", queueing_lock="reconcile")
async def look_after(timestamp: int = 0) -> None:
    """Compare what should be live with the RTMP server and the leases; hooks are only hints."""
    async with rtmp.client() as client:
        streams = await rtmp.streams(client)
    await in_database(reconcile.look)(streams, timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="sweep", queue="jobs", queueing_lock="sweep")
async def sweep(timestamp: int) -> None:
    """Clear away the jobs of workers that died; who encodes is a matter of leases, so nothing is run again by this."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
