"""Everybody is cut off at the same moment, and comes back at the same moment."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any, Self

import httpx
import psycopg
import pytest

from benchmarks.generators import running, sleep_until
from benchmarks.listeners import Plan
from livestream import pages
from streams import publishing, rtmp
from tests.e2e.chatter import chatting
from tests.e2e.processes import workers
from tests.e2e.waiting import until
from tests.faults.crowd import Crowd, made
from tests.faults.figures import Fault
from tests.faults.publishers import Publishers
from tests.faults.stack import Stack, site, stack
from tests.faults.stand_in import standing_in
from tests.live import Site

__all__ = ["site", "stack"]
pytestmark = pytest.mark.long

SIZES = [(100, 400), pytest.param(500, 2000, marks=pytest.mark.longest)]  # publishers, chatters
PUBLISHERS_PER_S, CHATTERS_PER_S = 20, 100
MESSAGES_PER_S = 2
JOINED_S, CALM_S, BACK_S = 90, 3, 60
AGAIN_S = 20
LOOK_S = 0.1
OF_CHAT = 1  # its threads ask one after the other
BESIDES = 6  # of `jobs` with its queue, and of what stands for the encoders
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
BROADCASTS = """
SELECT broadcast.id, state, name FROM streams_broadcast AS broadcast JOIN accounts_channel AS channel ON channel.id = channel_id
WHERE name = ANY(%s)
"""
OPEN = {"publishing", "live", "reconnecting"}


class Connections:
    """How many PostgreSQL has at most."""

    def __init__(self, site: Site) -> None:
        self.site, self.most, self.over = site, 0, threading.Event()
        self.looking = threading.Thread(target=self._look)

    def _look(self) -> None:
        with psycopg.connect(self.site.env["DATABASE_URL"], autocommit=True) as connection:
            while not self.over.wait(LOOK_S):
                [(found,)] = connection.execute(COUNT).fetchall()
                self.most = max(self.most, int(found))

    def __enter__(self) -> Self:
        self.looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.looking.join()

    def bound(self) -> int:
        of_web = pages.AT_A_TIME + publishing.AT_A_TIME + len([*pages.PROBES, pages.METRICS])
        return of_web * len(workers(self.site, "web")) + OF_CHAT * len(workers(self.site, "chat")) + BESIDES


@pytest.mark.parametrize(("many", "chatters"), SIZES)
def test_all_come_back_when_all_were_cut_off_at_once(stack: Stack, many: int, chatters: int) -> None:
    fault = Fault(22, f"{many} publishers and {chatters} chatters are cut off at once (encoders are stood for)")
    site, crowd = stack.site, made(stack.site, many, chatters)
    with (
        stack.away("encoder"),
        standing_in(stack),
        Publishers(site.rtmp_url, crowd.keys, PUBLISHERS_PER_S) as publishers,
        Connections(site) as postgres,
    ):
        until(lambda: is_live(site, crowd), JOINED_S, lambda: (len(publishers.there), publishers.refused, states(site, crowd)))
        before = broadcasts(site, crowd)
        begin = time.monotonic() + chatters / CHATTERS_PER_S
        gone = begin + CALM_S
        with running("listeners", plan(site, crowd, begin, gone + BACK_S)) as listeners:
            sleep_until(gone)
            gone = cut_off(stack)
            until(lambda: are_back(publishers, gone), BACK_S + AGAIN_S, lambda: (len(publishers.there), publishers.refused))
            until(lambda: is_live(site, crowd), AGAIN_S, lambda: states(site, crowd))
            sleep_until(begin + CALM_S + BACK_S)
            here = count_of(site, crowd.names[0])
            seen: dict[str, Any] = json.loads(listeners.communicate()[0])
        print(f"{publishers.refused} attempts were refused, {seen['refused']}; {seen['thrown_out']} thrown out")
        fault.at_most("all publishers let in again", max(publishers.there.values()) - gone, BACK_S, "s")
        fault.at_least("chatters that were thrown out", seen["thrown_out"], chatters)
        fault.at_least("chatters that are back", seen["there"], chatters)
        fault.at_most("all chatters back", max(seen["back_at"]) - gone, BACK_S, "s")
        fault.at_most("messages lost", seen["lost"], 0)
        fault.at_most("messages read twice", seen["again_or_late"], 0)
        fault.at_most("chatters counted twice", here - chatters - 1, 0)
        fault.at_most("channels with two open broadcasts", doubles(site, crowd), 0)
        fault.at_most("other broadcasts than before", len(broadcasts(site, crowd).keys() ^ before.keys()), 0)
        fault.at_most("publishers that the RTMP server has twice", published(site) - many, 0)
        fault.at_least("publishers that are there at the end", len(publishers.there), many)
        assert postgres.most
        fault.at_most("connections of PostgreSQL's", postgres.most, postgres.bound())


def plan(site: Site, crowd: Crowd, begin: float, end: float) -> Plan:
    host = f"127.0.0.1:{site.env['CHAT_LISTEN'].rpartition(':')[2]}"
    return Plan(host, crowd.names[0], len(crowd.cookies), CHATTERS_PER_S, crowd.cookies, MESSAGES_PER_S, 0, begin, end)


def cut_off(stack: Stack) -> float:
    gone = time.monotonic()
    stack.kill("nginx-rtmp")
    stack.kill("chat")
    return gone


def are_back(publishers: Publishers, gone: float) -> bool:
    since = list(publishers.there.values())
    return len(since) == len(publishers.keys) and min(since) > gone


def is_live(site: Site, crowd: Crowd) -> bool:
    """All that is open: what began before anybody stood for the encoders has failed."""
    found = states(site, crowd)
    return found["live"] == len(crowd.keys) and not found.keys() & (OPEN - {"live"})


def states(site: Site, crowd: Crowd) -> Counter[str]:
    return Counter(state for state, _ in broadcasts(site, crowd).values())


def broadcasts(site: Site, crowd: Crowd) -> dict[str, tuple[str, str]]:
    """id → state, channel's name."""
    with psycopg.connect(site.env["DATABASE_URL"]) as connection:
        return {each: (state, name) for each, state, name in connection.execute(BROADCASTS, [crowd.names]).fetchall()}


def doubles(site: Site, crowd: Crowd) -> int:
    """How many channels have more than one that is open."""
    having = Counter(name for state, name in broadcasts(site, crowd).values() if state in OPEN)
    return sum(count > 1 for count in having.values())


def count_of(site: Site, room: str) -> int:
    """As one more who comes in is told."""
    with chatting(site, room) as late:
        return int(late.hello()["here"])


def published(site: Site) -> int:
    found = rtmp.parse(httpx.get(f"{site.control_url}/stat").raise_for_status().content)
    return sum(stream.publisher is not None for stream in found.values())
