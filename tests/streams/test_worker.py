from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from procrastinate.exceptions import ConnectorException
from psycopg import OperationalError
from psycopg.errors import UndefinedTable

from streams import logged, worker


async def test_a_job_s_lines_say_which_it_is_and_what_it_is_about() -> None:
    about: list[dict[str, str]] = []

    async def run() -> str:
        about.append(dict(logged.about()))
        return "done"

    arguments = {"broadcast_id": "0123456789abcdef", "rendition": "720p", "user_id": 7}
    job = SimpleNamespace(id=3, task_name="encode", task_kwargs=arguments)
    before = dict(logged.about())
    assert await worker.named(run, cast(Any, SimpleNamespace(job=job)), cast(Any, None)) == "done"
    assert about == [before | {"job": "3", "task": "encode", "broadcast": "0123456789abcdef", "rendition": "720p"}]
    assert dict(logged.about()) == before


class Steps:
    """Of the queue: each fails as it is told, and the one after that is done."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def take(self) -> str:
        if not self.failures:
            return "done"
        raise ConnectorException from self.failures.pop(0)


async def test_a_step_of_the_queue_waits_while_postgresql_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RETRY_S", 0.01)
    steps = Steps(OperationalError("gone"), OperationalError("still gone"))
    assert await worker.patiently(steps.take) == "done"
    assert steps.failures == []


async def test_a_step_that_is_wrong_is_not_taken_again() -> None:
    with pytest.raises(ConnectorException):
        await worker.patiently(Steps(UndefinedTable("procrastinate_jobs")).take)
