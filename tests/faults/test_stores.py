"""Stores that are emptied, restarted, paused or away: what a player, a chatter and a publisher notice of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import httpx
import psycopg
import pymongo
import pytest
import redis

from tests.e2e.chatter import Chatter, chatting
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.stack import Stack, cast, encoders, site, stack, without_room
from tests.faults.watched import RENDITION, SMALL, since, unaffected, wait, watched

__all__ = ["cast", "site", "stack"]
pytestmark = pytest.mark.long

PAUSED_S, FULL_S, AWAY_S = 20, 20, 60
POSTGRESQL_AWAY_S, BOTH_AWAY_S = 120, 20
PATIENCE_S = 40
TARGETS = 2
REFUSED_S = 10
BACK_S = 15
DOCUMENT_S = 140  # by then the job has tried again
ENOUGH_S = 300
MEANWHILE = "said while PostgreSQL was away"


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice", reconnect_s=30)


@pytest.fixture
def mallory(cast: Cast) -> Streamer:
    return cast.join("mallory", reconnect_s=30)


# --- Redis `segments` -----------------------------------------------------------------------------------------------------


def empty(stack: Stack) -> None:
    with redis.Redis.from_url(stack.site.env["SEGMENTS_REDIS_URL"]) as client:
        client.flushall()


def restart(stack: Stack) -> None:
    stack.kill("redis-segments")


def pause(stack: Stack) -> None:
    with stack.paused("redis-segments"):
        wait(PAUSED_S)


@pytest.mark.parametrize(
    ("name", "fail"),
    [("FLUSHALL", empty), ("`kill -9`, and its supervisor starts it again", restart), ("SIGSTOP for 20 s", pause)],
    ids=["emptied", "restarted", "paused"],
)
def test_playable_soon_after_redis_segments_was(
    alice: Streamer, stack: Stack, client: httpx.Client, name: str, fail: Callable[[Stack], None]
) -> None:
    fault = Fault(6, f"Redis `segments`: {name}")
    with watched(alice, client) as air:
        newest = air.probe.newest
        fail(stack)
        began, newest = time.monotonic(), max(newest, air.probe.newest)
        until(lambda: air.is_current and air.probe.newest > newest, PATIENCE_S, lambda: (newest, air.probe))
        fault.at_most("playable again", since(began), TARGETS * air.target_s, "s")
        for part in air.stream.media(RENDITION).parts[-1:]:
            assert air.stream.bytes(part.url)
        fault.at_most("media sequence numbers that fell", len(air.probe.falls), 0)
        fault.at_most("playlists closed", air.probe.ended, 0)
        assert set(air.probe.refusals) <= {"503"}, air.probe.refusals
        until(lambda: alice.state()["state"] == "live", PATIENCE_S)
        assert alice.state()["id"] == air.id and air.publisher.runs


# --- the others -----------------------------------------------------------------------------------------------------------


@contextmanager
def all_chatting(alice: Streamer, *people: Streamer) -> Iterator[list[Chatter]]:
    with ExitStack() as stack:
        chatters = [stack.enter_context(chatting(alice.site, alice.name, person)) for person in people]
        for chatter in chatters:
            chatter.hello()
        yield chatters


def away(stack: Stack) -> AbstractContextManager[None]:
    return stack.away("redis-control")


def full(stack: Stack) -> AbstractContextManager[None]:
    return without_room(stack.site.env["CONTROL_REDIS_URL"])


@pytest.mark.parametrize(
    ("number", "what", "seconds", "broken"), [(7, "away", AWAY_S, away), (10, "at its memory limit", FULL_S, full)]
)
def test_a_redis_control_that_takes_nothing_costs_the_chat_a_pause(
    alice: Streamer,
    mallory: Streamer,
    stack: Stack,
    client: httpx.Client,
    number: int,
    what: str,
    seconds: int,
    broken: Callable[[Stack], AbstractContextManager[None]],
) -> None:
    fault = Fault(number, f"Redis `control` {what} for {seconds} s")
    with watched(alice, client, ENOUGH_S) as air, all_chatting(alice, alice, mallory) as [owner, other]:
        said = [owner.say(text)["n"] for text in ("one", "two", "three")]
        with broken(stack):
            began = time.monotonic()
            assert owner.say("meanwhile")["code"] == "busy"
            fault.at_most("a writer is told", since(began), REFUSED_S, "s")
            wait(seconds - since(began))
            unaffected(fault, air, alice)
        began = time.monotonic()
        said.append(until(lambda: other.spoken("after"), PATIENCE_S))
        fault.at_most("the chat goes on", since(began), BACK_S, "s")
        assert owner.find(lambda item: item["t"] == "msg" and item["text"] == "after")
        with chatting(alice.site, alice.name) as late:
            heard = {item.get("n") for item in late.hello()["items"]}
            fault.at_most("acknowledged messages lost", len(set(said) - heard), 0)


def test_mongodb_away_costs_nobody_who_is_live_anything(
    alice: Streamer, mallory: Streamer, stack: Stack, client: httpx.Client
) -> None:
    fault = Fault(7, "MongoDB away for 60 s")
    with watched(alice, client, ENOUGH_S) as air, mallory.on_air(inputs=SMALL, seconds=ENOUGH_S) as other:
        ended = str(mallory.state()["id"])
        with stack.away("mongo"):
            began = time.monotonic()
            other.stop()
            refused(fault, mallory)
            wait(AWAY_S - since(began))
            unaffected(fault, air, alice)
        began = time.monotonic()
        with pymongo.MongoClient(stack.site.env["MONGODB_URI"]) as mongo:  # type: ignore[var-annotated]
            found = mongo.get_default_database()["stream_metadata"]
            until(lambda: found.find_one({"_id": ended, "ended_at": {"$ne": None}}), DOCUMENT_S, lambda: list(found.find()))
        fault.at_most("the metadata of a broadcast that ended meanwhile is there", since(began), DOCUMENT_S, "s")


def refused(fault: Fault, streamer: Streamer) -> None:
    """Whoever begins to publish is told at once, not left hanging."""
    with streamer.publish(inputs=SMALL) as late:
        fault.at_most("a new publisher is refused", late.end(REFUSED_S), REFUSED_S, "s")


def log_in(client: httpx.Client, stack: Stack) -> float:
    """Nobody is left hanging, or told that the password was wrong."""
    began, url = time.monotonic(), f"{stack.site.url}/accounts/login/"
    page = client.get(url)
    assert page.status_code in (200, 503), page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    form = {"login": "alice@example.org", "password": "wrong", "csrfmiddlewaretoken": token[1] if token else ""}
    answer = client.post(url, data=form, headers={"Referer": url})
    assert answer.status_code == (503 if token else 403), answer
    return since(began)


def is_archived(stack: Stack, text: str) -> bool:
    with psycopg.connect(stack.site.env["DATABASE_URL"]) as connection:
        return bool(connection.execute("SELECT FROM interactions_message WHERE text = %s", [text]).fetchall())


def test_postgresql_away_costs_nobody_who_is_live_anything(
    alice: Streamer, mallory: Streamer, stack: Stack, client: httpx.Client
) -> None:
    fault = Fault(8, "PostgreSQL away for 120 s")
    with watched(alice, client, ENOUGH_S) as air, all_chatting(alice, alice, mallory) as [owner, other]:
        count = len(encoders(stack.pid("encoder")))
        with stack.away("postgres"):
            began = time.monotonic()
            refused(fault, mallory)
            fault.at_most("a login is refused", log_in(client, stack), REFUSED_S, "s")
            assert owner.spoken(MEANWHILE)
            assert other.find(lambda item: item.get("text") == MEANWHILE)
            wait(POSTGRESQL_AWAY_S - since(began))
            unaffected(fault, air, alice)
        began = time.monotonic()
        until(lambda: mallory.api().is_success, PATIENCE_S)
        with mallory.on_air(inputs=SMALL):
            fault.at_most("another publisher is live again", since(began), BACK_S, "s")
            another = str(mallory.state()["id"])
        until(lambda: is_archived(stack, MEANWHILE), PATIENCE_S)
        fault.at_most("what was said meanwhile is in the archive", since(began), PATIENCE_S, "s")
        until(lambda: len(stack.leases(air.id)) == count and not stack.leases(another), PATIENCE_S)
        fault.at_most("encoders more than renditions", len(encoders(stack.pid("encoder"))) - count, 0)
        unaffected(fault, air, alice)


def test_postgresql_and_redis_segments_away_together_cost_the_picture_alone(
    alice: Streamer, stack: Stack, client: httpx.Client
) -> None:
    """No encoder can prove its lease to an empty Redis."""
    fault = Fault(8, f"PostgreSQL and Redis `segments` away for {BOTH_AWAY_S} s")
    with watched(alice, client, ENOUGH_S) as air:
        with stack.away("postgres"), stack.away("redis-segments"):
            wait(BOTH_AWAY_S)
            assert air.publisher.runs
        began, newest = time.monotonic(), air.probe.newest
        until(lambda: air.is_current and air.probe.newest > newest, PATIENCE_S, lambda: (newest, air.probe))
        fault.at_most("playable again", since(began), BACK_S, "s")
        fault.at_most("media sequence numbers that fell", len(air.probe.falls), 0)
        assert not air.probe.ended and air.publisher.runs
        until(lambda: alice.state()["state"] == "live", PATIENCE_S)
        assert alice.state()["id"] == air.id
