"""What becomes of a broadcast when those who encode it die, stop or fail, or the RTMP server does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.stack import Stack, cast, encoders, running, site, stack
from tests.faults.watched import SETTLED_SEGMENTS, SMALL, Watched, since, watched

__all__ = ["cast", "site", "stack"]

GONE_S = 2
TAKEN_OVER_S, SHOWN_S = 6, 10
PATIENCE_S = 20
PAUSED_S = 30
FRAMES_OF_ONE_S = 10  # an ffmpeg that has run for so long is followed by another at once
RESTARTED_S = 3
NOTICED_S, LIVE_AGAIN_S = 10, 15
STALE = "livestream_stale_writes_refused_total"


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice", reconnect_s=30)


def no_harm(fault: Fault, air: Watched) -> None:
    """To the playlist that a player reads on and on."""
    fault.at_most("media sequence numbers that fell", len(air.probe.falls), 0)
    fault.at_most("playlists closed", air.probe.ended, 0)
    assert not air.probe.refusals, air.probe.refusals


def test_a_worker_that_is_killed_has_a_successor(alice: Streamer, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(1, "`kill -9` of the encoder worker")
    with watched(alice, client) as air:
        before, epoch = stack.leases(air.id), air.probe.epoch
        worker = stack.pid("encoder")
        orphans, began = encoders(worker), time.monotonic()
        assert len(orphans) == len(before) >= 3
        os.kill(worker, signal.SIGKILL)
        until(lambda: not running(orphans), PATIENCE_S)
        fault.at_most("its ffmpeg processes are gone", since(began), GONE_S, "s")
        until(lambda: are_newer(stack.leases(air.id), before), PATIENCE_S)
        taken_over_s = since(began)
        until(lambda: air.probe.epoch > epoch, PATIENCE_S)
        fault.at_most("the next part is out", since(began), SHOWN_S, "s")
        fault.at_most("successors hold all leases", taken_over_s, TAKEN_OVER_S, "s")
        until(lambda: len(encoders(stack.pid("encoder"))) == len(before), PATIENCE_S)
        no_harm(fault, air)


def are_newer(leases: dict[str, int], before: dict[str, int]) -> bool:
    return leases.keys() == before.keys() and all(leases[rendition] > epoch for rendition, epoch in before.items())


@pytest.mark.long
def test_encoders_that_wait_for_a_frame_die_with_their_worker(alice: Streamer, stack: Stack, client: httpx.Client) -> None:
    """They write nothing, so that no broken pipe ends them."""
    fault = Fault(1, "`kill -9` of a worker whose publisher is silent")
    with watched(alice, client) as air:
        os.kill(air.publisher.process.pid, signal.SIGSTOP)
        worker = stack.pid("encoder")
        orphans, began = encoders(worker), time.monotonic()
        assert orphans
        os.kill(worker, signal.SIGKILL)
        until(lambda: not running(orphans), PATIENCE_S)
        os.kill(air.publisher.process.pid, signal.SIGCONT)
        fault.at_most("its ffmpeg processes are gone", since(began), GONE_S, "s")


@pytest.mark.long
def test_what_a_worker_writes_that_was_paused_is_refused(alice: Streamer, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(2, "SIGSTOP of the encoder worker for 30 s")
    with watched(alice, client, seconds=120) as air, stack.another_encoder() as another:
        refused, epoch = stale_writes(stack), air.probe.epoch
        with stack.paused("encoder") as worker:
            began = time.monotonic()
            old = encoders(worker)
            until(lambda: air.probe.epoch > epoch, PATIENCE_S)
            fault.at_most("the successor's first part is out", since(began), 15, "s")
            until(lambda: since(began) >= PAUSED_S, PAUSED_S + 1)
        continued = time.monotonic()
        until(lambda: not running(old), PATIENCE_S)
        fault.at_most("its ffmpeg processes are gone after SIGCONT", since(continued), GONE_S, "s")
        until(lambda: stale_writes(stack) > refused, GONE_S)
        fault.at_least("stale writes refused", stale_writes(stack) - refused, 1)
        assert len(encoders(another)) == len(stack.leases(air.id))
        no_harm(fault, air)


def stale_writes(stack: Stack) -> float:
    text = httpx.get(f"http://{stack.site.env['ENCODER_METRICS_LISTEN']}/metrics").raise_for_status().text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(STALE))


@pytest.mark.long
def test_an_ffmpeg_that_is_killed_is_followed_at_once(alice: Streamer, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(3, "`kill -9` of one ffmpeg")
    with watched(alice, client) as air:
        transcodes = [pid for pid in encoders(stack.pid("encoder")) if transcodes_picture(pid)]
        began = time.monotonic()
        until(lambda: since(began) >= FRAMES_OF_ONE_S, FRAMES_OF_ONE_S + 1)
        newest = air.probe.newest
        assert transcodes
        for pid in transcodes:
            os.kill(pid, signal.SIGKILL)
        until(lambda: air.probe.newest[0] > newest[0] + SETTLED_SEGMENTS, PATIENCE_S)
        assert not running(transcodes)
        fault.at_most("its rendition stands still", air.probe.longest_s, RESTARTED_S, "s")
        no_harm(fault, air)


def transcodes_picture(pid: int) -> bool:
    return b"libx264" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_killed_rtmp_server_costs_a_reconnect_and_no_more(alice: Streamer, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(4, "`kill -9` of nginx")
    with watched(alice, client) as air:
        stack.kill("nginx-rtmp")
        killed = time.monotonic()
        until(lambda: alice.state()["state"] == "reconnecting", PATIENCE_S)
        fault.at_most("the page says reconnecting", since(killed), NOTICED_S, "s")
        with alice.comes_again(lambda: len(air.probe.eras) == 2, inputs=SMALL) as again:
            until(lambda: alice.state()["state"] == "live", PATIENCE_S)
            fault.at_most("live again after the publisher's return", time.time() - again.began, LIVE_AGAIN_S, "s")
            assert alice.state()["id"] == air.id
            no_harm(fault, air)
