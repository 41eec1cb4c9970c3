"""Runs a procrastinate worker, and a new one when PostgreSQL comes back."""

import os
import socket
from typing import Any

from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker
from psycopg import AsyncConnection

from streams.logged import logged

HEARTBEAT_S = 1
STALLED_S = 30  # a starting worker prunes every worker that is silent for longer: one limit in all pools
ABOUT = {"broadcast_id": "broadcast", "rendition": "rendition"}  # arguments of jobs
POLL_S = 1  # a lost LISTEN is never restored: the polls are the guarantee


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


async def work(queue: str, concurrency: int) -> None:
    connector = PsycopgConnector(kwargs=connector_params(), configure=commit_each, min_size=1, max_size=2)
    async with app.with_connector(connector).open_async() as worker:
        await worker.run_worker_async(
            queues=[queue],
            name=name(queue),
            concurrency=concurrency,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_S,
            shutdown_graceful_timeout=0,
            fetch_job_polling_interval=POLL_S,
            abort_job_polling_interval=POLL_S,
            worker_middleware=[named],
            delete_jobs="always",  # the log says how they ended
        )
