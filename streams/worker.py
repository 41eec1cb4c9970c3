"""Runs a procrastinate worker, which waits while PostgreSQL is away: what it runs goes on meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from procrastinate import JobContext, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.middleware import AsyncCallNext
from procrastinate.periodic import PeriodicRegistry
from procrastinate.worker import Worker
from psycopg import AsyncConnection, OperationalError

from streams.logged import logged

log = logging.getLogger(__name__)

T = TypeVar("T")

ENCODE = "encode"
HEARTBEAT_S = 1
STALLED_S = 30  # a starting worker prunes every worker that is silent for longer: one limit in all pools
ABOUT = {"broadcast_id": "broadcast", "rendition": "rendition", "room": "room"}  # arguments of jobs
LEAVING = "leaving"
POLL_S = 1  # a lost LISTEN is never restored: the polls are the guarantee
RETRY_S = 1
POOL: dict[str, Any] = {"timeout": 3, "reconnect_timeout": 2}  # or the pool would try ever more rarely


class PatientConnector(PsycopgConnector):
    """A step of the queue that fails stops its worker, and with that all that it encodes."""

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        await patiently(partial(super().execute_query_async, query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        return await patiently(partial(super().execute_query_one_async, query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        return await patiently(partial(super().execute_query_all_async, query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        await patiently(partial(super().listen_notify, on_notification, channels))


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """A step that was done although nobody heard of it costs no more than a job that the reconciler calls again."""
    while True:
        try:
            return await step()
        except ConnectorException as error:
            if not isinstance(error.__cause__, OperationalError):
                raise
            log.warning("the job queue waits for PostgreSQL: %s", type(error.__cause__).__name__)
        await asyncio.sleep(RETRY_S)


async def commit_each(connection: AsyncConnection) -> None:
    """Each of the queue's steps is one statement."""
    await connection.set_autocommit(True)


def name(queue: str) -> str:
    return f"{queue}@{socket.gethostname()}:{os.getpid()}"


async def named(run: AsyncCallNext, context: JobContext, worker: Worker) -> Any:
    """Each job's lines say which it is, and what it is about."""
    job = context.job
    about = {ABOUT[name]: str(value) for name, value in job.task_kwargs.items() if name in ABOUT}
    with logged(job=str(job.id), task=job.task_name, **about):
        return await run()


async def work(queue: str, concurrency: int, leaving: asyncio.Event, grace_s: float = 0) -> None:
    """Until SIGTERM or SIGINT; jobs find in their context that it is LEAVING, and have `grace_s` to end."""
    connector = PatientConnector(kwargs=connector_params(), configure=commit_each, min_size=1, max_size=2, **POOL)
    pool = app.with_connector(connector)
    if queue == ENCODE:  # to defer what is due it would ask by Django's connection, which does not wait
        pool.periodic_registry = PeriodicRegistry()
    async with pool.open_async() as worker:
        running = asyncio.create_task(
            worker.run_worker_async(
                queues=[queue],
                name=name(queue),
                concurrency=concurrency,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_S,
                shutdown_graceful_timeout=grace_s,
                fetch_job_polling_interval=POLL_S,
                abort_job_polling_interval=POLL_S,
                worker_middleware=[named],
                additional_context={LEAVING: leaving},
                install_signal_handlers=False,
                delete_jobs="always",  # the log says how they ended
            )
        )

        def leave() -> None:
            if not leaving.is_set():
                leaving.set()
                running.cancel()

        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, leave)
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()
