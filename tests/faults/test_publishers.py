"""Publishers that go dark, say nothing, come twice, and hooks that are repeated: what a player sees of it."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import psycopg
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
WAIT_S = 60
SOON_S, LONG_S = 5, (45, 59, 65)
REFUSED_S, AT_FIRST_S = 4, 0.2
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


@dataclass
class Return:
    """Of a publisher, from another address, after its line had been dark."""

    dark_s: float
    let_in_s: float  # by then it had been refused
    pictured_s: float
    is_same: bool  # broadcast
    broadcasts: int
    probe: Probe


def go_dark(alice: Streamer, dark_s: float) -> Return:
    near, far = Line(alice.site.rtmp_url), Line(alice.site.rtmp_url, source="127.0.0.2")
    with httpx.Client(timeout=SETTLED_S) as client, near, far, alice.on_air(base=near.url, inputs=SMALL) as publisher:
        broadcast_id, stream = alice.state()["id"], Stream(alice, client)
        newest = stream.media("360p").segments[-1].msn
        with Probe(stream.renditions["360p"]) as probe:
            until(lambda: probe.newest[0] >= newest + SETTLED_SEGMENTS, SETTLED_S)
            near.go_dark()
            dark_at = time.monotonic()
            publisher.process.kill()
            until(lambda: time.monotonic() - dark_at >= dark_s, dark_s + 1)
            began = time.time()
            with alice.comes_again(lambda: is_shown(alice, broadcast_id, probe), base=far.url, inputs=SMALL) as again:
                let_in_s, pictured_s = again.began - began, time.time() - began
                until(lambda: state(alice) == "live", AT_ONCE_S)
                return Return(dark_s, let_in_s, pictured_s, alice.state()["id"] == broadcast_id, broadcasts_of(alice), probe)


def is_shown(alice: Streamer, broadcast_id: str, probe: Probe) -> bool:
    return len(probe.eras) == 2 or (state(alice) == "live" and alice.state()["id"] != broadcast_id)


def broadcasts_of(alice: Streamer) -> int:
    count = "SELECT count(*) FROM streams_broadcast b JOIN accounts_channel c ON c.id = b.channel_id WHERE c.name = %s"
    with psycopg.connect(alice.site.env["DATABASE_URL"]) as connection:
        [(found,)] = connection.execute(count, [alice.name]).fetchall()
    return int(found)


def check(back: Return, is_same: bool, refused_s: float) -> None:
    fault = Fault(5, f"a line that goes dark for {back.dark_s} s, of {WAIT_S} s in which the publisher is waited for")
    fault.at_most("other broadcasts than there should be", back.is_same is not is_same, 0)
    fault.at_most("more broadcasts than there should be", back.broadcasts - (1 if is_same else 2), 0)
    fault.at_most("refused as another publisher, for", back.let_in_s, refused_s, "s")
    fault.at_most("the picture is back after the return", back.pictured_s, AT_ONCE_S, "s")
    fault.at_most("media sequence numbers that fell", len(back.probe.falls), 0)
    assert back.probe.ended is not is_same
    assert len(back.probe.eras) == (2 if is_same else 1) and not back.probe.refusals


def test_a_line_that_goes_dark_is_not_yet_known_to_be(alice: Streamer) -> None:
    """Who comes back is a second publisher, and let in as soon as the first has been silent for five seconds."""
    check(go_dark(alice, SOON_S), is_same=True, refused_s=REFUSED_S)


@pytest.mark.long
def test_a_line_that_goes_dark_costs_a_discontinuity_within_the_window(cast: Cast) -> None:
    people = [cast.join("alice", reconnect_s=WAIT_S) for _ in LONG_S]
    with ThreadPoolExecutor(len(people)) as lives:
        for back in lives.map(go_dark, people, LONG_S):
            check(back, is_same=back.dark_s < WAIT_S, refused_s=AT_FIRST_S)


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
