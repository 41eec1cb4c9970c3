"""A site of a module's own, whose programs may be killed, paused and taken away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psycopg
import pytest
import redis

from deploy.local.instance import CHECKOUT, Instance, read_env
from tests.e2e.processes import below, read
from tests.e2e.streamer import Cast
from tests.live import Site

STOPPING_S = 60
TINY = "1mb"  # less than a Redis takes without a key
MANAGE = [sys.executable, str(CHECKOUT / "manage.py")]


class Stack:
    def __init__(self, site: Site) -> None:
        self.site = site
        env = site.env
        self.rpc: Any = ServerProxy(f"http://livestream:{env['STORES_PASSWORD']}@{env['SUPERVISOR_LISTEN']}/RPC2").supervisor

    def pid(self, program: str) -> int:
        return int(self._info(program)["pid"])

    def _info(self, program: str) -> dict[str, Any]:
        [found] = [info for info in self.rpc.getAllProcessInfo() if info["name"] == program]
        return dict(found)

    def kill(self, program: str) -> int:
        """It is started again. Answers with the pid that it had."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def paused(self, program: str) -> Iterator[int]:
        pid = self.pid(program)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def away(self, program: str) -> Iterator[None]:
        name = f"{self._info(program)['group']}:{program}"
        self.rpc.stopProcess(name)
        try:
            yield
        finally:
            self.rpc.startProcess(name, False)

    @contextmanager
    def another_encoder(self, within: str = "", **environment: str) -> Iterator[int]:
        """A second worker, as on another machine; its pid. WITHIN: the list of a control group's processes."""
        entered = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', within] if within else []
        with self.beside("runencoder", [*entered, *MANAGE, "runencoder"], **environment) as pid:
            yield pid

    @contextmanager
    def beside(self, name: str, command: list[str], **environment: str) -> Iterator[int]:
        """A program that its supervisor does not know; its pid."""
        argv, env = ["setpriv", "--pdeathsig", "KILL", *command], self.site.environment | environment
        with (self.site.folder / "log" / f"another-{name}.log").open("w") as words:
            process = subprocess.Popen(argv, cwd=CHECKOUT, env=env, stdout=words, stderr=words)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(STOPPING_S)

    def leases(self, broadcast_id: str) -> dict[str, int]:
        """rendition → epoch, of those that somebody holds."""
        held = "SELECT rendition, epoch FROM streams_encodelease WHERE broadcast_id = %s AND expires_at >= clock_timestamp()"
        with psycopg.connect(self.site.env["DATABASE_URL"]) as connection:
            return dict(connection.execute(held, [broadcast_id]).fetchall())


@contextmanager
def without_room(redis_url: str) -> Iterator[None]:
    with redis.Redis.from_url(redis_url) as client:
        limit = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", TINY)
        try:
            yield
        finally:
            client.config_set("maxmemory", limit)


def encoders(worker: int) -> list[int]:
    """The ffmpeg processes below it that read a publisher's stream."""
    return [pid for pid in below(worker) if b"-rtmp_live" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def running(pids: Iterable[int]) -> list[int]:
    """Without those that have ended, whether or not somebody has asked how."""
    states = {pid: read(Path(f"/proc/{pid}/stat")).rpartition(") ")[2][:1] for pid in pids}
    return [pid for pid, state in states.items() if state not in ("", "Z", "X")]


@contextmanager
def started(folder: Path, **environment: str) -> Iterator[Stack]:
    """Variables of the ENVIRONMENT count for more than what the stack chooses."""
    instance = Instance(folder.resolve(), public=False)
    outer = read_env(Path(os.environ["LIVESTREAM_ENV"]))
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "deploy.local.stack", str(folder)],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name not in outer} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert any("Ctrl-C" in line for line in process.stdout), "the stack did not start: its words are above"
        yield Stack(Site.of(instance.env_file))
    finally:
        process.terminate()
        process.communicate(timeout=STOPPING_S)
        shutil.rmtree(instance.data, ignore_errors=True)  # outside of the folder, if that is closed to other users


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started(tmp_path_factory.mktemp("faults") / "site") as stack:
        yield stack


@pytest.fixture(scope="module")
def site(stack: Stack) -> Site:
    return stack.site


@pytest.fixture(scope="module")
def cast(site: Site) -> Iterator[Cast]:
    with Cast(site) as cast:
        yield cast
