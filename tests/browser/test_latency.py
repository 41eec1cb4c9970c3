"""How static/js/latency.js keeps its distance to the live edge, in Chromium, with a player and a network that are simulated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser

from tests.live import CHECKOUT

LATENCY = CHECKOUT / "static/js/latency.js"
PLAYER = Path(__file__).with_name("simulated_player.js")
SIMULATE = """
async ([latency, player, options]) => {
  const load = (text) => import("data:text/javascript," + encodeURIComponent(text));
  const [{ Distance }, { simulate }] = await Promise.all([load(latency), load(player)]);
  return simulate(Distance, options);
}
"""
FASTEST, SLOWEST = 1.1, 0.94
STARVED_S = 0.2

Trace = list[dict[str, float]]
Simulate = Callable[..., Trace]


class Server(NamedTuple):
    """What a playlist says."""

    part_s: float
    hold_back_s: float


DEFAULT, ULTRA, STEADY = Server(0.35, 1.05), Server(0.22, 0.66), Server(1.0, 3.0)
presets = pytest.mark.parametrize("server", [DEFAULT, ULTRA, STEADY], ids=["default", "ultra", "steady"])


@pytest.fixture(scope="module")
def simulate(chromium: Browser) -> Simulate:
    page = chromium.new_page()

    def simulate(server: Server = DEFAULT, **options: Any) -> Trace:
        options |= {"partTarget": server.part_s, "partHoldBack": server.hold_back_s}
        trace = page.evaluate(SIMULATE, [LATENCY.read_text(), PLAYER.read_text(), options])
        for moment in trace:
            assert 1.6 * server.part_s - 1e-9 <= moment["target"] <= 2 * server.hold_back_s + 1e-9, moment
            assert SLOWEST - 1e-9 <= moment["rate"] <= FASTEST + 1e-9, moment
            assert moment["rate"] <= SLOWEST or moment["buffered"] >= STARVED_S, moment
        return trace

    return simulate


def since(trace: Trace, at: float) -> Trace:
    return [moment for moment in trace if moment["at"] > at]


def every(trace: Trace, name: str) -> list[float]:
    return [moment[name] for moment in trace]


@presets
@pytest.mark.parametrize("parts_behind", [1.5, 3, 6])
def test_it_comes_to_its_target_and_stays_there(simulate: Simulate, server: Server, parts_behind: float) -> None:
    trace = since(simulate(server, seconds=120, behind=parts_behind * server.part_s), 60)
    assert all(abs(moment["latency"] - moment["target"]) < 0.12 for moment in trace)
    assert trace[-1]["latency"] < 0.9 * server.hold_back_s
    assert trace[-1]["stalls"] == trace[0]["stalls"] and trace[-1]["seeks"] <= 1


@pytest.mark.parametrize("parts_behind", [3, 4, 6, 9])
def test_two_seconds_after_the_start_it_is_at_its_target(simulate: Simulate, parts_behind: float) -> None:
    moment = since(simulate(seconds=10, behind=parts_behind * DEFAULT.part_s), 2)[0]
    assert abs(moment["latency"] - moment["target"]) < 0.1


@presets
def test_it_waits_with_its_seek_until_what_it_seeks_is_there(simulate: Simulate, server: Server) -> None:
    trace = simulate(server, seconds=5, behind=2 * server.hold_back_s, loaded=-1.9 * server.hold_back_s, loading=4)
    assert trace[-1]["stalls"] == 0 and trace[-1]["seeks"] == 1


@pytest.mark.parametrize("server", [DEFAULT, STEADY], ids=["default", "steady"])
def test_the_target_shrinks_while_nothing_stalls(simulate: Simulate, server: Server) -> None:
    targets = every(simulate(server, seconds=40), "target")
    assert 0.7 * server.hold_back_s < targets[0] < 0.8 * server.hold_back_s
    assert targets[-1] < targets[0] - server.part_s / 4


def test_the_target_comes_no_closer_than_leaves_most_of_a_part_in_store(simulate: Simulate) -> None:
    trace = since(simulate(STEADY, seconds=400), 250)
    assert min(every(trace, "buffered")) > 0.7 * STEADY.part_s
    assert min(every(trace, "target")) == max(every(trace, "target")) > 1.6 * STEADY.part_s  # it could go lower


def test_with_short_parts_it_keeps_what_a_late_part_takes(simulate: Simulate) -> None:
    trace = simulate(ULTRA, seconds=300)
    assert trace[-1]["stalls"] == 0 and min(every(since(trace, 10), "buffered")) > STARVED_S


@presets
def test_it_does_not_swing(simulate: Simulate, server: Server) -> None:
    trace = since(simulate(server, seconds=240), 120)
    assert max(every(trace, "latency")) - min(every(trace, "latency")) < 0.15
    assert sum(abs(moment["rate"] - 1) > 0.05 for moment in trace) < 0.1 * len(trace)


@presets
def test_the_target_grows_by_a_part_when_the_buffer_runs_dry(simulate: Simulate, server: Server) -> None:
    trace = simulate(server, seconds=60, outages=[(20, 20 + 2 * server.hold_back_s)])
    stall = next(index for index, moment in enumerate(trace) if moment["stalls"])
    assert trace[stall]["target"] > trace[stall - 1]["target"] + 0.9 * server.part_s
    assert trace[-1]["target"] < trace[stall]["target"]


@presets
def test_the_target_does_not_grow_without_bound(simulate: Simulate, server: Server) -> None:
    trace = simulate(server, seconds=300, outages=[(at, at + 2 * server.hold_back_s) for at in range(0, 300, 10)])
    assert trace[-1]["stalls"] >= 3
    assert max(every(trace, "target")) > 1.9 * server.hold_back_s  # and `simulate` looks that it is no more than 2


def test_with_every_stall_it_comes_closer_more_slowly(simulate: Simulate) -> None:
    once = simulate(seconds=90, outages=[(20, 22)])
    often = simulate(seconds=90, outages=[(at, at + 2) for at in (5, 10, 15, 20)])
    shrunk = [since(trace, 40)[0]["target"] - trace[-1]["target"] for trace in (once, often)]
    assert 0 < shrunk[1] < shrunk[0] / 1.5


def test_three_seconds_without_a_network_are_caught_up_by_rate(simulate: Simulate) -> None:
    trace = simulate(seconds=100, outages=[(30, 33)])
    assert trace[-1]["seeks"] == 0 and trace[-1]["stalls"] == 1
    assert since(trace, 33.5)[0]["latency"] > 3
    assert max(every(since(trace, 75), "latency")) < 1.2


def test_twenty_seconds_without_a_network_are_caught_up_by_one_seek(simulate: Simulate) -> None:
    trace = simulate(seconds=100, outages=[(30, 50)])
    assert trace[-1]["seeks"] == 1 and trace[-1]["stalls"] == 1
    assert max(every(since(trace, 53), "latency")) < 1.5


def test_it_seeks_once_soon_after_the_start_and_never_for_so_little_later(simulate: Simulate) -> None:
    early = simulate(seconds=60, behind=2)
    assert early[0]["seeks"] == 0 and early[1]["seeks"] == 1 and early[-1]["seeks"] == 1
    assert early[1]["latency"] < 1
    late = simulate(seconds=60, outages=[(3, 5)])
    assert max(every(late, "latency")) > 2 and late[-1]["seeks"] == 0
