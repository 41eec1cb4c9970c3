"""Memory that is used up: of Redis `segments`, and of those who encode."""

from __future__ import annotations

import time
from contextlib import ExitStack

import httpx
import pytest

from tests.e2e.streamer import Cast
from tests.e2e.waiting import until
from tests.faults.cgroup import cgroup
from tests.faults.figures import Fault
from tests.faults.probe import Probe
from tests.faults.stack import Stack, cast, encoders, running, site, stack, without_room
from tests.faults.viewer import Viewer
from tests.faults.watched import SETTLED_SEGMENTS, since, wait, watched

__all__ = ["cast", "site", "stack"]
pytestmark = pytest.mark.long

FULL_S = 20
TARGETS = 2
RESTARTED_S = 5
STEADY_S = 10  # an ffmpeg that has run for so long is followed by another at once
PATIENCE_S = 40
BALLOON_MIB = 24


def test_redis_segments_without_room_costs_a_pause(cast: Cast, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(10, f"Redis `segments` at its memory limit for {FULL_S} s")
    alice = cast.join("alice", reconnect_s=30)
    with watched(alice, client, kind=Viewer) as air:
        assert isinstance(viewer := air.probe, Viewer)
        working = stack.pid("encoder")
        with without_room(stack.site.env["SEGMENTS_REDIS_URL"]):
            wait(FULL_S)
        began, newest = time.monotonic(), viewer.newest
        until(lambda: air.is_current and viewer.newest > newest, PATIENCE_S, lambda: (newest, viewer))
        fault.at_most("playable again", since(began), TARGETS * air.target_s, "s")
        until(lambda: viewer.newest[0] > newest[0] + SETTLED_SEGMENTS, PATIENCE_S)
        fault.at_most("empty parts and segments served", len(viewer.empty), 0)
        fault.at_most("media sequence numbers that fell", len(viewer.falls), 0)
        assert "OutOfMemoryError" in (stack.site.folder / "log/encoder.log").read_text()
        assert set(viewer.refusals) <= {"503"} and not viewer.ended
        assert stack.pid("encoder") == working and air.publisher.runs
        until(lambda: alice.state()["state"] == "live", PATIENCE_S)
        assert alice.state()["id"] == air.id


def test_encoders_at_their_memory_limit_lose_an_ffmpeg_and_no_more(cast: Cast, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(10, "the encoder pool at its cgroup's memory limit")
    alice = cast.join("alice", reconnect_s=30)
    with (
        cgroup() as group,
        stack.away("encoder"),
        stack.another_encoder(str(group.members)) as worker,
        watched(alice, client) as air,
        ExitStack() as probes,
    ):
        seen = [probes.enter_context(Probe(url)) for url in air.stream.renditions.values()]
        before = encoders(worker)
        wait(STEADY_S)
        group.press(BALLOON_MIB)
        fault.at_least("processes killed", group.kills, 1)
        until(lambda: len(encoders(worker)) == len(before), PATIENCE_S)
        newest = air.probe.newest[0]
        until(lambda: all(probe.newest[0] > newest + SETTLED_SEGMENTS for probe in seen), PATIENCE_S)
        assert running([worker])
        fault.at_most("renditions stood still", max(probe.stood_s for probe in seen), RESTARTED_S, "s")
        fault.at_most("media sequence numbers that fell", sum(len(probe.falls) for probe in seen), 0)
        assert not any(probe.ended for probe in seen) and air.publisher.runs
