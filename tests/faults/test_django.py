"""Django away: who publishes stays, and who watches goes on watching."""

from __future__ import annotations

import time
from contextlib import ExitStack

import httpx
import pytest

from tests.e2e.streamer import Cast
from tests.faults.figures import Fault
from tests.faults.stack import Stack, cast, encoders, site, stack
from tests.faults.watched import SMALL, since, unaffected, wait, watched

__all__ = ["cast", "site", "stack"]
pytestmark = pytest.mark.long

AWAY_S = 90  # three of the periods at which nginx-rtmp asks whether a publisher may go on, where it is told to
REFUSED_S, BACK_S = 10, 15
ENOUGH_S = 180


@pytest.mark.parametrize("pools", [("web",), ("web", "chat", "jobs")], ids=["web", "all but the origin and the encoders"])
def test_no_publisher_is_dropped_while_django_is_away(
    cast: Cast, stack: Stack, client: httpx.Client, pools: tuple[str, ...]
) -> None:
    fault = Fault(9, f"Django ({', '.join(pools)}) away for {AWAY_S} s")
    alice, mallory, bob = (cast.join(name, reconnect_s=30) for name in ("alice", "mallory", "bob"))
    with watched(alice, client, ENOUGH_S) as air, mallory.on_air(inputs=SMALL, seconds=ENOUGH_S) as other:
        theirs, working = mallory.state()["id"], set(encoders(stack.pid("encoder")))
        with ExitStack() as away:
            for pool in pools:
                away.enter_context(stack.away(pool))
            began = time.monotonic()
            with bob.publish(inputs=SMALL) as late:
                fault.at_most("a new publisher is refused", late.end(REFUSED_S), REFUSED_S, "s")
            wait(AWAY_S - since(began))
            fault.at_most("publishers dropped", [air.publisher.runs, other.runs].count(False), 0)
            unaffected(fault, air, alice)
        began = time.monotonic()
        with bob.comes_again(lambda: bob.state()["state"] == "live", inputs=SMALL):
            fault.at_most("a new publisher is live again", since(began), BACK_S, "s")
        unaffected(fault, air, alice)
        assert other.runs and mallory.state()["id"] == theirs and mallory.is_live
        fault.at_most("encoders that were replaced", len(working - set(encoders(stack.pid("encoder")))), 0)
