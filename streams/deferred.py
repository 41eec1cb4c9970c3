"""Jobs that are called by name: whoever defers one need not import what it does."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import JobDeferrer

from streams.ladder import PRIORITY


def encode(broadcast_id: str, rendition: str) -> None:
    """One waiting job per rendition: a second one is a no-op. Inside a transaction it is deferred with the commit."""
    _once(_encoding(broadcast_id, rendition), broadcast_id=broadcast_id, rendition=rendition)


def encode_all(broadcast_id: str, renditions: list[str]) -> None:
    """As `encode`, at once; where one of them waits already, each for itself."""
    jobs = [_encoding(broadcast_id, each).make_new_job(broadcast_id=broadcast_id, rendition=each) for each in renditions]
    try:
        with transaction.atomic():
            app.job_manager.batch_defer_jobs(jobs)
    except AlreadyEnqueued:
        for each in renditions:
            encode(broadcast_id, each)


def _encoding(broadcast_id: str, rendition: str) -> JobDeferrer:
    lock, priority = f"{broadcast_id}:{rendition}", PRIORITY.get(rendition, 0)
    return app.configure_task("encode", queue="encode", queueing_lock=lock, priority=priority)


def record(broadcast_id: str, after_s: int = 0) -> None:
    task = app.configure_task("record", queue="jobs", lock=f"record:{broadcast_id}", schedule_in={"seconds": after_s})
    task.defer(broadcast_id=broadcast_id)


def reconcile() -> None:
    _once(app.configure_task("reconcile", queue="jobs", queueing_lock="reconcile"))


def _once(task: JobDeferrer, **arguments: Any) -> None:
    try:
        with transaction.atomic():
            task.defer(**arguments)
    except AlreadyEnqueued:
        return
