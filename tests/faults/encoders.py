"""Another process of the encoders' pool, beside the site's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis.asyncio import Redis

from streams import capacity
from streams.segment_cache import with_segments
from tests.e2e.processes import below, commands, parent, read
from tests.e2e.waiting import until
from tests.live import CHECKOUT, Site

READY_S = 20
STOPPED_S = 20


@contextmanager
def another_encoder(site: Site, **environment: str) -> Iterator[int]:
    """Its pid."""
    there = announced()
    command = [sys.executable, str(CHECKOUT / "manage.py"), "runencoder"]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=site.environment | environment)
    try:
        until(lambda: announced() - there, READY_S)
        yield process.pid
    finally:
        process.terminate()
        process.wait(STOPPED_S)


def announced() -> set[object]:
    async def read(redis: Redis) -> set[object]:
        return {*await redis.zrange(capacity.WORKERS, 0, -1)}

    return with_segments(read)


def own(site: Site) -> int:
    """The pid of the site's; its children look like it for a moment."""
    found = {pid for pid, command in commands(site).items() if "manage.py runencoder" in command}
    [pid] = [pid for pid in found if parent(pid) not in found]
    return pid


def ffmpegs(encoder: int) -> dict[int, str]:
    """pid → command line, of what a process of the pool has started."""
    found = {pid: read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ") for pid in below(encoder)}
    return {pid: command for pid, command in found.items() if Path(command.partition(" ")[0]).name == "ffmpeg"}


def leave(encoder: int) -> None:
    os.kill(encoder, signal.SIGTERM)
