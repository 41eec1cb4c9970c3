"""Machines whose clock is an hour off: workers, and Redis. Time that only goes by, which no clock is set for, is as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from streams import capacity
from streams.reconcile import NO_MEDIA_S
from tests.e2e.chatter import Chatter, chatting
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.stack import MANAGE, Stack, cast, encoders, site, stack
from tests.faults.watched import SETTLED_SEGMENTS, SMALL, Watched, since, wait, watched

__all__ = ["cast", "site", "stack"]
pytestmark = pytest.mark.long

PATIENCE_S = 30
LOOKED_AT_S = NO_MEDIA_S + 6  # by then the reconciler would miss what comes with a wrong date
TARGETS = 2
BUSY_S = 0.5
WAITS_S = 30
ENOUGH_S = 240
TIMEOUT_S = 1800  # shorter than the clock is off
SHIFTS = pytest.mark.parametrize("shift", ["+1h", pytest.param("-1h", marks=pytest.mark.longest)])


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice", reconnect_s=WAITS_S)


@pytest.fixture
def mallory(cast: Cast) -> Streamer:
    return cast.join("mallory", reconnect_s=WAITS_S)


def off(shift: str) -> dict[str, str]:
    """An environment in which a program, and whatever it starts, sees a clock on the wall that is off."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "libfaketime is missing: run script/bootstrap --test"
    preloaded = f"{found[0]} libc.so.6"  # whose malloc asks for no time, as Redis's own does before there is a shifted one
    return {"LD_PRELOAD": preloaded, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def settle(air: Watched) -> None:
    newest = air.probe.newest[0]
    until(lambda: air.probe.newest[0] >= newest + SETTLED_SEGMENTS, PATIENCE_S, lambda: air.probe)


def goes_on(alice: Streamer, air: Watched) -> None:
    """It is still the same broadcast, and new parts come."""
    settle(air)
    assert alice.state()["state"] == "live" and alice.state()["id"] == air.id and air.publisher.runs, alice.state()


# --- workers --------------------------------------------------------------------------------------------------------------


@SHIFTS
def test_an_encoder_whose_clock_is_off_goes_on_with_a_broadcast(
    alice: Streamer, stack: Stack, client: httpx.Client, shift: str
) -> None:
    fault = Fault(11, f"an encoder worker's clock is off by {shift}")
    with watched(alice, client, ENOUGH_S) as air:
        count = len(encoders(stack.pid("encoder")))
        with stack.another_encoder(**off(shift)) as other:
            until(lambda: announced(stack) == 2, PATIENCE_S)
            with stack.away("encoder"):
                until(lambda: len(encoders(other)) == count, PATIENCE_S)
                wait(LOOKED_AT_S)
                held = stack.leases(air.id)
                fault.at_most("encoders more than leases", len(encoders(other)) - len(held), 0)
                assert len(held) == count
                goes_on(alice, air)
            until(lambda: announced(stack) == 2, PATIENCE_S)
        goes_on(alice, air)
        fault.at_most("encoders more than leases, afterwards", len(encoders(stack.pid("encoder"))) - count, 0)
        fault.at_most("the picture stood still", air.probe.longest_s, air.target_s, "s")
        same_for_players(fault, air)
        assert not air.probe.refusals, air.probe.refusals


def announced(stack: Stack) -> int:
    with redis.Redis.from_url(stack.site.env["SEGMENTS_REDIS_URL"]) as client:
        return int(client.zcard(capacity.WORKERS))


def same_for_players(fault: Fault, air: Watched) -> None:
    fault.at_most("media sequence numbers that fell", len(air.probe.falls), 0)
    fault.at_most("discontinuities", len(air.probe.eras) - 1, 0)
    fault.at_most("dates in the playlist leap by", air.probe.leap_s, 0.1, "s")
    fault.at_most("dates in the playlist are off by", abs(air.probe.behind_s), 2 * air.target_s, "s")
    fault.at_most("playlists closed", air.probe.ended, 0)


@SHIFTS
def test_a_broadcast_that_begins_at_an_encoder_whose_clock_is_off_is_like_others(
    alice: Streamer, stack: Stack, client: httpx.Client, shift: str
) -> None:
    fault = Fault(11, f"an encoder worker's clock is off by {shift}, and a broadcast begins")
    with stack.another_encoder(**off(shift)) as other:
        until(lambda: announced(stack) == 2, PATIENCE_S)
        with stack.away("encoder"), watched(alice, client, ENOUGH_S) as air:
            assert encoders(other)
            wait(LOOKED_AT_S)
            goes_on(alice, air)
            same_for_players(fault, air)


@SHIFTS
def test_jobs_whose_clock_is_off_wait_for_a_publisher_as_long_as_others(
    alice: Streamer, stack: Stack, client: httpx.Client, shift: str
) -> None:
    fault = Fault(11, f"the jobs worker's clock is off by {shift}")
    shifted = stack.beside("runjobs", [*MANAGE, "runjobs"], **off(shift))
    with stack.away("jobs"), shifted, watched(alice, client, ENOUGH_S) as air:
        wait(LOOKED_AT_S)
        goes_on(alice, air)
        air.publisher.stop()
        until(lambda: alice.state()["state"] == "reconnecting", PATIENCE_S)
        wait(WAITS_S / 3)
        with alice.comes_again(lambda: len(air.probe.eras) == 2, inputs=SMALL) as again:
            until(lambda: alice.state()["state"] == "live", PATIENCE_S)
            fault.at_most("broadcasts lost", alice.state()["id"] != air.id, 0)
            again.stop()
        left = time.monotonic()
        until(lambda: alice.state()["state"] == "ended", 2 * WAITS_S, alice.state)
        fault.at_least("it waits for a publisher that does not come", since(left), WAITS_S - 1, "s")
        fault.at_most("and no longer", since(left), WAITS_S + 5, "s")


# --- Redis ----------------------------------------------------------------------------------------------------------------


@contextmanager
def with_its_clock_off(stack: Stack, name: str, url: str, shift: str) -> Iterator[None]:
    """Restarted that way, and at the end once more, as it was."""
    with redis.Redis.from_url(url) as client:
        facts = client.info("server")
    command = [facts["executable"], facts["config_file"]]
    with stack.away(name), stack.beside(name, command, **off(shift)), redis.Redis.from_url(url) as client:
        until(lambda: answers(client), PATIENCE_S)
        assert abs(client.time()[0] - time.time()) > TIMEOUT_S
        yield
    with redis.Redis.from_url(url) as client:
        until(lambda: answers(client), PATIENCE_S)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


@SHIFTS
def test_redis_segments_that_comes_back_with_its_clock_off_costs_no_more_than_one_that_was_emptied(
    alice: Streamer, stack: Stack, client: httpx.Client, shift: str
) -> None:
    fault = Fault(11, f"Redis `segments` restarted with its clock off by {shift}")
    with watched(alice, client, ENOUGH_S) as air:
        with with_its_clock_off(stack, "redis-segments", stack.site.env["SEGMENTS_REDIS_URL"], shift):
            fault.at_most("playable again", playable_again(air), TARGETS * air.target_s, "s")
            wait(LOOKED_AT_S)
            goes_on(alice, air)
        fault.at_most("playable again with its clock set right", playable_again(air), TARGETS * air.target_s, "s")
        wait(LOOKED_AT_S)
        goes_on(alice, air)
        fault.at_most("media sequence numbers that fell", len(air.probe.falls), 0)
        fault.at_most("playlists closed", air.probe.ended, 0)
        fault.at_most("encoders more than leases", len(encoders(stack.pid("encoder"))) - len(stack.leases(air.id)), 0)
        assert set(air.probe.refusals) <= {"503"}, air.probe.refusals


def playable_again(air: Watched) -> float:
    """After so many seconds there is more than before, and it is new."""
    began, seen = time.monotonic(), air.probe.newest
    until(lambda: air.is_current and air.probe.newest > seen, PATIENCE_S, lambda: (seen, air.probe))
    return since(began)


@contextmanager
def in_chat(person: Streamer, host: Streamer) -> Iterator[tuple[dict[str, Any], Chatter]]:
    with chatting(host.site, host.name, person) as chatter:
        yield until(lambda: welcome(chatter), PATIENCE_S), chatter


def welcome(chatter: Chatter) -> dict[str, Any]:
    """Empty where the chat is busy: it has not noticed yet that Redis is there again."""
    chatter.send(t="hello", v=1)
    answer = chatter.find(lambda item: item["t"] in ("welcome", "no"))
    if answer["t"] == "no":
        wait(BUSY_S)
        return {}
    return answer


@SHIFTS
def test_redis_control_that_comes_back_with_its_clock_off_forgets_nothing(
    alice: Streamer, mallory: Streamer, stack: Stack, client: httpx.Client, shift: str
) -> None:
    fault = Fault(11, f"Redis `control` restarted with its clock off by {shift}")
    with watched(alice, client, ENOUGH_S) as air:
        with in_chat(alice, alice) as (_, owner), in_chat(mallory, alice) as (mine, other):
            said = [owner.say("one")["n"], other.say("two")["n"]]
            assert owner.mod("timeout", user=mine["you"]["id"], seconds=TIMEOUT_S)["t"] == "ok"
            assert other.say("three")["code"] == "timeout"
        with with_its_clock_off(stack, "redis-control", stack.site.env["CONTROL_REDIS_URL"], shift):
            with in_chat(alice, alice) as (shown, owner), in_chat(mallory, alice) as (_, other):
                kept = {item.get("n") for item in shown["items"]}
                fault.at_most("acknowledged messages lost", len(set(said) - kept), 0)
                fault.at_most("timeouts forgotten", other.say("four").get("code") != "timeout", 0)
                assert owner.say("five")["t"] == "ok"
            goes_on(alice, air)
        fault.at_most("the picture stood still", air.probe.longest_s, air.target_s, "s")
        same_for_players(fault, air)
