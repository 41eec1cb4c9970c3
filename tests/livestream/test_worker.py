"""A pool of gunicorn's, with deploy/gunicorn.conf.py, whose application loads when the test says so."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from deploy.local.instance import CHECKOUT
from livestream.crew import PLACES, Crew
from tests.e2e.processes import below
from tests.e2e.waiting import until

SOON_S = 10
AT_ONCE_S = 2  # gunicorn's grace is 3 s
APPLICATION = """
import asyncio, os, time
from pathlib import Path

here = Path(__file__).parent
while (here / "slow").exists():
    time.sleep(0.01)
if (here / "broken").exists():
    raise RuntimeError("broken")

async def application(scope, receive, send):
    while scope["path"] == "/held" and not (here / "released").exists():
        await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""


class Pool:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "slowly.py").write_text(APPLICATION)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        arguments = ["--config", "deploy/gunicorn.conf.py", "--bind", self.address, "--workers", "1", "--name", "slowly"]
        self.master = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "gunicorn", *arguments, "slowly:application"],
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONPATH": str(folder)},
        )

    def note(self, name: str) -> None:
        (self.folder / name).touch()

    def forget(self, name: str) -> None:
        (self.folder / name).unlink()

    def ask(self, path: str = "/") -> int:
        """The worker that answers: each time by a connection of its own."""
        return int(httpx.get(f"http://{self.address}{path}", timeout=SOON_S).raise_for_status().text)

    @property
    def workers(self) -> set[int]:
        return set(below(self.master.pid))

    def reload(self) -> set[int]:
        """The workers that come."""
        before = self.workers
        self.master.send_signal(signal.SIGHUP)
        return until(lambda: self.workers - before, SOON_S)

    def stop(self) -> float:
        began = time.monotonic()
        self.master.terminate()
        self.master.wait(SOON_S)
        return time.monotonic() - began


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(tmp_path)
    try:
        until(lambda: answers(pool), SOON_S)
        yield pool
    finally:
        pool.master.kill()
        pool.master.wait()


def answers(pool: Pool) -> bool:
    try:
        return bool(pool.ask())
    except httpx.TransportError:
        return False


def asked_for(pool: Pool, seconds: float) -> set[int]:
    """Who answers meanwhile."""
    over = time.monotonic() + seconds
    answered = set()
    while time.monotonic() < over:
        answered.add(pool.ask())
    return answered


def test_an_old_worker_serves_until_the_new_one_has_loaded_and_ends_what_it_holds(pool: Pool) -> None:
    old = pool.ask()
    with ThreadPoolExecutor(1) as pages:
        held = pages.submit(pool.ask, "/held")
        pool.note("slow")
        [new] = pool.reload()
        assert asked_for(pool, seconds=4) == {old}  # longer than gunicorn's grace
        pool.forget("slow")
        until(lambda: pool.ask() == new, SOON_S)
        assert asked_for(pool, seconds=1) == {new}
        assert not held.done()
        pool.note("released")
        assert held.result() == old
    until(lambda: pool.workers == {new}, SOON_S)


def test_a_reload_that_cannot_load_leaves_the_old_worker_at_work(pool: Pool) -> None:
    old = pool.ask()
    pool.note("broken")
    pool.reload()
    until(lambda: pool.workers == {old}, SOON_S)
    assert asked_for(pool, seconds=1) == {old}
    pool.forget("broken")
    [new] = pool.reload()
    until(lambda: pool.workers == {new}, SOON_S)
    assert pool.ask() == new


def test_a_pool_that_has_nothing_to_wait_for_stops_at_once(pool: Pool) -> None:
    assert pool.stop() < AT_ONCE_S


def test_a_pool_that_is_stopped_while_it_is_reloaded_does_not_wait_for_who_comes(pool: Pool) -> None:
    pool.note("slow")
    pool.reload()
    assert pool.stop() < AT_ONCE_S + 3  # for so long gunicorn itself waits within a reload


def test_a_worker_may_leave_when_those_after_it_are_ready() -> None:
    crew = Crew()
    crew.comes(1)
    crew.is_ready(1)
    assert crew.may_leave(1)
    crew.comes(2)
    crew.comes(3)
    crew.is_ready(3)
    assert not crew.may_leave(1)
    crew.is_ready(2)
    assert crew.may_leave(1)


def test_a_worker_stays_where_those_after_it_have_failed_unless_all_of_them_end() -> None:
    crew = Crew()
    crew.is_ready(1)
    crew.comes(2)
    crew.went(2, in_order=False)
    assert not crew.may_leave(1)
    crew.comes(3)
    crew.went(3, in_order=True)
    assert not crew.may_leave(1)
    crew.comes(4)
    crew.is_ready(4)
    assert crew.may_leave(1)


def test_a_crew_goes_on_for_ever() -> None:
    crew = Crew()
    for age in range(1, 3 * PLACES):
        crew.comes(age)
        assert age == 1 or not crew.may_leave(age - 1)
        crew.is_ready(age)
        assert crew.may_leave(age) and (age == 1 or crew.may_leave(age - 1))
        crew.went(age - 1, in_order=False)
