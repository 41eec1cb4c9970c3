"""Publishers that go dark, say nothing, come twice, and hooks that are repeated: what a player sees of it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streams import rtmp
from tests.e2e.conftest import cast
from tests.e2e.playlists import Stream
from tests.e2e.processes import commands
from tests.e2e.publisher import TONE, picture
from tests.e2e.raw_rtmp import RawPublisher
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.line import Line
from tests.faults.probe import Probe
from tests.live import Site

__all__ = ["cast"]

SMALL = (*picture("426x240"), *TONE)
WAIT_S = 30
SETTLED_SEGMENTS, SETTLED_S = 2, 10
AT_ONCE_S = 8
NOTICED_S = 15  # the RTMP server drops who is silent for 10
LET_GO_S = 20
REPEATED = 100


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice", reconnect_s=WAIT_S)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=15) as client:
        yield client


def state(alice: Streamer) -> str:
    return str(alice.state()["state"])


@pytest.mark.parametrize(
    ("dark_s", "is_same"),
    [(7, True), pytest.param(20, True, marks=pytest.mark.long), pytest.param(50, False, marks=pytest.mark.long)],
)
def test_a_line_that_goes_dark_costs_a_discontinuity_within_the_window(
    alice: Streamer, client: httpx.Client, dark_s: int, is_same: bool
) -> None:
    near, far = Line(alice.site.rtmp_url), Line(alice.site.rtmp_url, source="127.0.0.2")
    with near, far, alice.on_air(base=near.url, inputs=SMALL) as publisher:
        broadcast_id, stream = alice.state()["id"], Stream(alice, client)
        newest = stream.media("360p").segments[-1].msn
        with Probe(stream.renditions["360p"]) as probe:
            until(lambda: probe.newest[0] >= newest + SETTLED_SEGMENTS, SETTLED_S)
            near.go_dark()
            dark_at = time.monotonic()
            publisher.process.kill()
            until(lambda: time.monotonic() - dark_at >= dark_s, dark_s + 1)

            def has_gone_on() -> bool:
                return len(probe.eras) == 2 if is_same else state(alice) == "live" and alice.state()["id"] != broadcast_id

            with alice.comes_again(has_gone_on, base=far.url, inputs=SMALL):
                assert (alice.state()["id"] == broadcast_id) is is_same
                until(lambda: state(alice) == "live", AT_ONCE_S)
                assert probe.ended is not is_same and probe.falls == []
                assert len(probe.eras) == (2 if is_same else 1) and not probe.refusals


def test_a_publisher_that_says_nothing_is_never_live_and_let_go(alice: Streamer) -> None:
    began = time.monotonic()
    with RawPublisher(alice.rtmp_url()) as silent:
        with pytest.raises(ConnectionError):
            until_closed(silent)
        print(f"let go after {time.monotonic() - began:.1f} s")
        assert time.monotonic() - began <= LET_GO_S
    until(lambda: alice.live is None, NOTICED_S, alice.dashboard)
    assert state(alice) != "live"


def until_closed(silent: RawPublisher) -> None:
    silent.socket.settimeout(LET_GO_S)
    while True:
        silent.some()


def hook(site: Site) -> str:
    """Where the RTMP server asks: with the boot id in its configuration."""
    [command] = [line for line in commands(site).values() if "nginx" in line and " -c " in line]
    found = re.search(r"on_publish (\S+);", Path(command.split(" -c ")[1].split()[0]).read_text())
    assert found
    return found[1]


def test_hooks_that_are_repeated_in_any_order_change_nothing(alice: Streamer, client: httpx.Client) -> None:
    with alice.on_air(inputs=SMALL) as publisher:
        found = rtmp.parse(client.get(f"{alice.site.control_url}/stat").content)
        [(name, number)] = [(name, int(stream.publisher)) for name, stream in found.items() if stream.publisher]
        live, url, chance = alice.live, hook(alice.site), random.Random(25)
        calls = [("publish", number), ("publish", number - 1), ("publish_done", number - 1), ("publish_done", number + 1)]
        with Probe(Stream(alice, client).renditions["360p"]) as probe:
            for kind, number in chance.choices(calls, k=REPEATED):
                form = {"app": "live", "addr": "127.0.0.1", "clientid": str(number), "call": kind, "name": alice.key}
                answer = client.post(url, data=form)
                assert kind != "publish" or answer.headers.get("Location", name) == name, answer
        assert alice.live == live and publisher.runs
        assert len(probe.eras) == 1 and probe.falls == [] and not probe.ended and not probe.refusals
