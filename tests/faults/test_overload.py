"""More to encode than the processor can: the costliest transcodes are given up, and come back when there is room."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import m3u8
import pytest

from tests.e2e.playlists import Media, Stream
from tests.e2e.publisher import AAC, GOP_2S, H264, TONE, picture
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.probe import Probe
from tests.faults.stack import Stack, cast, encoders, site, started

__all__ = ["cast", "site"]

pytestmark = pytest.mark.long

COSTLIEST, LOWEST = "720p", "360p"
FILM_S = 20
LISTED_S, SETTLED_SEGMENTS, SETTLED_S = 20, 3, 30
STEP_MS = 2000
BURNERS, MOST_BURNERS = 2, 200  # on one core with the transcodes, which have many threads
BEHIND_S = 1
SHED_S, BACK_S = 20, 120  # behind for 8 s, and what the edge keeps for 5 s; away for a minute, and nobody late
PLAYED_S = 30
MEASURED_S, REFUSED_S = 10, 10
NUMBER = re.compile(r"/p\d+-(\d+)\.mp4")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started(tmp_path_factory.mktemp("overload") / "site", LOAD_SHEDDING="on") as stack:
        yield stack


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Made before: to publish it costs next to nothing."""
    file = tmp_path / "film.flv"
    made = (*picture("1280x720"), *TONE, "-t", str(FILM_S), *H264, "-bf", "0", *GOP_2S, *AAC)
    subprocess.run(["ffmpeg", "-v", "error", *made, str(file)], check=True)
    return file


@dataclass
class Counting(Probe):
    """Notes the numbers of the parts, which an encoder gives out one after the other."""

    numbers: set[int] = field(default_factory=set)

    def look(self, media: Media, now: float) -> None:
        super().look(media, now)
        self.numbers |= {int(found[1]) for part in media.parts if (found := NUMBER.search(part.url))}

    @property
    def lost(self) -> int:
        return max(self.numbers) - min(self.numbers) + 1 - len(self.numbers)


@contextmanager
def burners(core: int) -> Iterator[Callable[[], None]]:
    """A call starts some more programs that want all of it."""
    burn = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core), "sh", "-c", "while :; do :; done"]
    running: list[subprocess.Popen[bytes]] = []

    def more() -> None:
        assert len(running) < MOST_BURNERS
        # where the kernel shares out by sessions, all of them in one would have no more than the encoders have
        running.extend(subprocess.Popen(burn, start_new_session=True) for _ in range(BURNERS))

    try:
        yield more
    finally:
        for each in running:
            each.kill()
        for each in running:
            each.wait()


def confine(pids: list[int], core: int) -> None:
    """All threads of these."""
    for task in [int(task.name) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]:
        os.sched_setaffinity(task, {core})


def transcodes(stack: Stack) -> list[int]:
    return [pid for pid in encoders(stack.pid("encoder")) if b"libx264" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def newest(alice: Streamer, broadcast_id: str) -> dict[str, Any]:
    """What the dashboard's graphs are told of the last second."""
    url = f"{alice.site.url}/dashboard/live/{broadcast_id}/"
    return httpx.get(url, cookies={"sessionid": alice.cookie}).raise_for_status().json()["seconds"][-1]


def overload(alice: Streamer, broadcast_id: str, stack: Stack, core: int, more: Callable[[], None]) -> None:
    """Until the costliest transcode falls behind."""
    while newest(alice, broadcast_id)["lag_s"].get(COSTLIEST, 0) <= BEHIND_S:
        confine(transcodes(stack), core)
        more()
        seen_ms = time.time() * 1000 + STEP_MS
        until(partial(is_noted, alice, broadcast_id, seen_ms), SETTLED_S)


def is_noted(alice: Streamer, broadcast_id: str, at_ms: float) -> bool:
    return bool(newest(alice, broadcast_id)["at_ms"] >= at_ms)


def listed(stream: Stream) -> set[str]:
    """What a viewer who comes now is offered."""
    master = m3u8.loads(stream.client.get(stream.url).raise_for_status().text)
    return {playlist.uri.partition("/")[0] for playlist in master.playlists}


def test_the_costliest_transcodes_are_stopped_while_the_processor_is_busy_and_come_back(
    alice: Streamer, stack: Stack, film: Path, client: httpx.Client
) -> None:
    fault = Fault(41, "a processor that is too busy for all transcodes")
    core = min(os.sched_getaffinity(0))
    inputs = ("-stream_loop", "-1", "-i", str(film))
    with alice.on_air(inputs=inputs, video=("-c", "copy"), audio=(), seconds=600), ExitStack() as reading:
        stream = Stream(alice, client)
        until(lambda: COSTLIEST in listed(stream), LISTED_S)
        url, ladder = stream.renditions[COSTLIEST], listed(stream)
        source, lowest, sound = [
            reading.enter_context(Counting(stream.renditions[name])) for name in ("source", LOWEST, "audio")
        ]
        until(lambda: source.newest[0] >= source.sequence + SETTLED_SEGMENTS, SETTLED_S)
        with burners(core) as more:
            overload(alice, str(stream.live["id"]), stack, core, more)
            began = time.monotonic()
            until(lambda: COSTLIEST not in listed(stream), 2 * SHED_S, lambda: (listed(stream), alice.dashboard()))
            fault.at_most("until the costliest is stopped", time.monotonic() - began, SHED_S, "s")
            assert client.get(url).status_code == 404
            assert f"too busy to make {COSTLIEST}" in alice.dashboard()
            before = lowest.newest[0]
            until(lambda: lowest.newest[0] > before + 1, PLAYED_S)
            assert {"source", "audio", LOWEST} <= listed(stream)
        ended = time.monotonic()
        until(lambda: listed(stream) == ladder, 2 * BACK_S, lambda: (listed(stream), alice.dashboard()))
        fault.at_most("until all are back for new viewers", time.monotonic() - ended, BACK_S, "s")
        assert stream.media(COSTLIEST).segments and "too busy" not in alice.dashboard()
        fault.at_most("parts that the source lost", source.lost, 0)
        for probe in (source, lowest, sound):
            assert not probe.refusals and not probe.falls and not probe.ended, probe.figures


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """Whose encoders make four renditions at a time."""
    with started(tmp_path_factory.mktemp("small") / "site", ENCODER_SLOTS="4") as stack, Cast(stack.site) as cast:
        yield cast


def test_a_broadcast_begins_with_what_there_is_room_for_and_its_streamer_is_told(
    small_site: Cast, film: Path, client: httpx.Client
) -> None:
    alice, bob = small_site.join("alice"), small_site.join("bob")
    inputs = ("-stream_loop", "-1", "-i", str(film))
    with alice.on_air(inputs=inputs, video=("-c", "copy"), audio=()):
        stream = Stream(alice, client)
        until(lambda: len(listed(stream)) == 4, LISTED_S, lambda: listed(stream))
        assert COSTLIEST not in listed(stream) and client.get(stream.url.replace("master", "720p/playlist")).status_code == 404
        until(lambda: f"no encoder free for {COSTLIEST}" in alice.dashboard(), MEASURED_S, alice.dashboard)
        with bob.publish(inputs=inputs, video=("-c", "copy"), audio=()) as refused:
            refused.end(REFUSED_S)
        assert "The last attempt was refused: no encoder free." in bob.dashboard()
        assert alice.is_live
