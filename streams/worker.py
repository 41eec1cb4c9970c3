"""Runs a procrastinate worker, and a new one when PostgreSQL comes back."""

import os
import socket

from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from psycopg import AsyncConnection

HEARTBEAT_S = 1
STALLED_S = 30  # a starting worker prunes every worker that is silent for longer: one limit in all pools
POLL_S = 1  # a lost LISTEN is never restored: the polls are the guarantee


async def commit_each(connection: AsyncConnection) -> None:
    """Each of the queue's steps is one statement."""
    await connection.set_autocommit(True)


def name(queue: str) -> str:
    return f"{queue}@{socket.gethostname()}:{os.getpid()}"


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
            delete_jobs="always",  # the log says how they ended
        )
