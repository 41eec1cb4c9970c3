from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

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
