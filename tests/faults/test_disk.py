"""A disk that is full, with all of a site's stores and logs on it."""

from __future__ import annotations

import errno
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.chatter import chatting
from tests.e2e.streamer import Cast
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.stack import Stack, cast, site, started
from tests.faults.viewer import Viewer
from tests.faults.watched import SMALL, since, wait, watched

__all__ = ["cast", "site"]
pytestmark = pytest.mark.long

DISK = "320m"  # the edge's log takes 80 of them, PostgreSQL as much
FULL_S = 60
RESTARTED_S = 5
BACK_S = 15
ENOUGH_S = 180
CHUNK = 1 << 16


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0755", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """On a disk of its own, where the stores' users may go."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="livestream-disk-") as name:
        Path(name).chmod(0o755)
        with mounted(Path(name)), started(Path(name) / "site") as stack:
            yield stack


def fill(file: Path) -> None:
    """To the last byte; what is freed later, too, when it is called again."""
    with file.open("ab", buffering=0) as out:
        for size in (CHUNK, 1):
            try:
                while out.write(bytes(size)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC, error


def test_a_full_disk_costs_nobody_who_is_live_anything(cast: Cast, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(10, f"the disk full for {FULL_S} s, with all stores and logs")
    alice, mallory = (cast.join(name, reconnect_s=30) for name in ("alice", "mallory"))
    filler = stack.site.folder / "filler"
    with (
        watched(alice, client, ENOUGH_S, Viewer) as air,
        chatting(alice.site, alice.name, mallory) as chatter,
    ):
        assert isinstance(viewer := air.probe, Viewer)
        chatter.hello()
        began = time.monotonic()
        while since(began) < FULL_S:
            fill(filler)
            chatter.say(f"is there room after {since(began):.0f} s?")
            wait(1)
        fault.at_most("the picture stood still", viewer.longest_s, RESTARTED_S, "s")
        filler.unlink()
        began = time.monotonic()
        until(lambda: chatter.spoken("there is"), 4 * BACK_S)
        fault.at_most("the chat goes on", since(began), BACK_S, "s")
        with mallory.comes_again(lambda: mallory.state()["state"] == "live", inputs=SMALL):
            fault.at_most("a new publisher is live", since(began), BACK_S, "s")
        until(lambda: client.get(f"http://{stack.site.env['WEB_LISTEN']}/readyz").status_code == 200, BACK_S)
        fault.at_most("empty parts and segments served", len(viewer.empty), 0)
        fault.at_least("parts served", viewer.fetched, 100)
        assert air.probe.falls == [] and not air.probe.ended, air.probe
        assert air.publisher.runs and alice.state()["id"] == air.id
