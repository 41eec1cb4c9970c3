"""Publishers that go dark, say nothing, come twice, and hooks that are repeated: what a player sees of it."""

from __future__ import annotations

import random
import time

import httpx
import pytest

from streams import rtmp
from tests.e2e.conftest import cast
from tests.e2e.playlists import Stream
from tests.e2e.publisher import TONE, picture
from tests.e2e.raw_rtmp import RawPublisher
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.hooks import hook
from tests.faults.line import Line
from tests.faults.probe import Probe

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


def state(alice: Streamer) -> str:
    return str(alice.state()["state"])


@pytest.mark.parametrize(
    ("dark_s", "is_same"),
    [(7, True), pytest.param(20, True, marks=pytest.mark.long), pytest.param(50, False, marks=pytest.mark.long)],
)
def test_a_line_that_goes_dark_costs_a_discontinuity_within_the_window(
    alice: Streamer, client: httpx.Client, dark_s: int, is_same: bool
) -> None:
    fault = Fault(5, f"a line that goes dark for {dark_s} s, of {WAIT_S} s in which the publisher is waited for")
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
                fault.at_most("other broadcasts than there should be", (alice.state()["id"] == broadcast_id) is not is_same, 0)
                until(lambda: state(alice) == "live", AT_ONCE_S)
                assert probe.ended is not is_same
                fault.at_most("media sequence numbers that fell", len(probe.falls), 0)
                assert len(probe.eras) == (2 if is_same else 1) and not probe.refusals


def test_a_publisher_that_says_nothing_is_never_live_and_let_go(alice: Streamer) -> None:
    fault, began = Fault(16, "a publisher that says nothing"), time.monotonic()
    with RawPublisher(alice.rtmp_url()) as silent:
        with pytest.raises(ConnectionError):
            until_closed(silent)
        fault.at_most("let go", time.monotonic() - began, LET_GO_S, "s")
    until(lambda: alice.live is None, NOTICED_S, alice.dashboard)
    assert state(alice) != "live"


def until_closed(silent: RawPublisher) -> None:
    silent.socket.settimeout(LET_GO_S)
    while True:
        silent.some()


def test_hooks_that_are_repeated_in_any_order_change_nothing(alice: Streamer, client: httpx.Client) -> None:
    fault = Fault(25, f"{REPEATED} hooks that are repeated, late or of others")
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
        fault.at_most("changes", alice.live != live, 0)
        assert publisher.runs
        assert len(probe.eras) == 1 and probe.falls == [] and not probe.ended and not probe.refusals
