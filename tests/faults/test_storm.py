"""Everybody is cut off at the same moment, and comes back at the same moment."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Self

import httpx
import psycopg
import pytest

from benchmarks.generators import running, sleep_until
from benchmarks.listeners import Plan
from livestream import pages
from streams import rtmp, webhooks
from tests.e2e.chatter import chatting
from tests.e2e.processes import workers
from tests.e2e.waiting import until
from tests.faults.crowd import made
from tests.faults.figures import Fault
from tests.faults.publishers import Publishers
from tests.faults.stack import Stack, site, stack
from tests.faults.stand_in import standing_in
from tests.live import Site

__all__ = ["site", "stack"]
pytestmark = pytest.mark.long

PUBLISHERS, CHATTERS = 500, 2000
PUBLISHERS_PER_S, CHATTERS_PER_S = 20, 100
MESSAGES_PER_S = 2
JOINED_S, CALM_S, BACK_S = 90, 3, 60
AGAIN_S = 20
LOOK_S = 0.1
OF_CHAT = 1  # its threads ask one after the other
BESIDES = 5  # of `jobs` with its queue, and of what stands for the encoders
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
DOUBLE = """
SELECT count(*) FROM (SELECT channel_id FROM streams_broadcast WHERE state IN ('publishing', 'live', 'reconnecting')
GROUP BY channel_id HAVING count(*) > 1) AS found
"""


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
        of_web = pages.AT_A_TIME + webhooks.AT_A_TIME + len(pages.PROBES)
        return of_web * len(workers(self.site, "web")) + OF_CHAT * len(workers(self.site, "chat")) + BESIDES


def test_all_come_back_when_all_were_cut_off_at_once(stack: Stack) -> None:
    fault = Fault(22, f"{PUBLISHERS} publishers and {CHATTERS} chatters are cut off at once (encoders are stood for)")
    site, crowd = stack.site, made(stack.site, PUBLISHERS, CHATTERS)
    with (
        stack.away("encoder"),
        standing_in(stack),
        Publishers(site.rtmp_url, crowd.keys, PUBLISHERS_PER_S) as publishers,
        Connections(site) as postgres,
    ):
        until(lambda: is_live(site), JOINED_S, lambda: (len(publishers.there), publishers.refused, states(site)))
        before = broadcasts(site)
        begin = time.monotonic() + CHATTERS / CHATTERS_PER_S
        gone = begin + CALM_S
        with running("listeners", plan(site, crowd.names[0], crowd.cookies, begin, gone + BACK_S)) as listeners:
            sleep_until(gone)
            gone = cut_off(stack)
            until(lambda: are_back(publishers, gone), BACK_S + AGAIN_S, lambda: (len(publishers.there), publishers.refused))
            until(lambda: is_live(site), AGAIN_S, lambda: states(site))
            sleep_until(begin + CALM_S + BACK_S)
            here = count_of(site, crowd.names[0])
            seen: dict[str, Any] = json.loads(listeners.communicate()[0])
        print(f"{publishers.refused} attempts were refused, {seen['refused']}; {seen['thrown_out']} thrown out")
        fault.at_most("all publishers let in again", max(publishers.there.values()) - gone, BACK_S, "s")
        fault.at_least("chatters that were thrown out", seen["thrown_out"], CHATTERS)
        fault.at_least("chatters that are back", seen["there"], CHATTERS)
        fault.at_most("all chatters back", max(seen["back_at"]) - gone, BACK_S, "s")
        fault.at_most("messages lost", seen["lost"], 0)
        fault.at_most("messages read twice", seen["again_or_late"], 0)
        fault.at_most("chatters counted twice", here - CHATTERS - 1, 0)
        fault.at_most("channels with two open broadcasts", one(site, DOUBLE), 0)
        fault.at_most("other broadcasts than before", len(broadcasts(site) ^ before), 0)
        fault.at_most("publishers that the RTMP server has twice", publishing(site) - PUBLISHERS, 0)
        fault.at_least("publishers that are there at the end", len(publishers.there), PUBLISHERS)
        assert postgres.most
        fault.at_most("connections of PostgreSQL's", postgres.most, postgres.bound())


def plan(site: Site, room: str, cookies: list[str], begin: float, end: float) -> Plan:
    host = f"127.0.0.1:{site.env['CHAT_LISTEN'].rpartition(':')[2]}"
    return Plan(host, room, CHATTERS, CHATTERS_PER_S, cookies, MESSAGES_PER_S, 0, begin, end)


def cut_off(stack: Stack) -> float:
    gone = time.monotonic()
    stack.kill("nginx-rtmp")
    stack.kill("chat")
    return gone


def are_back(publishers: Publishers, gone: float) -> bool:
    since = list(publishers.there.values())
    return len(since) == PUBLISHERS and min(since) > gone


def is_live(site: Site) -> bool:
    """All that is open: what began before anybody stood for the encoders has failed."""
    found = states(site)
    return found.get("live") == PUBLISHERS and not found.keys() & {"publishing", "reconnecting"}


def states(site: Site) -> dict[str, int]:
    with psycopg.connect(site.env["DATABASE_URL"]) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM streams_broadcast GROUP BY state").fetchall())


def broadcasts(site: Site) -> set[str]:
    with psycopg.connect(site.env["DATABASE_URL"]) as connection:
        return {found for (found,) in connection.execute("SELECT id FROM streams_broadcast").fetchall()}


def one(site: Site, query: str) -> int:
    with psycopg.connect(site.env["DATABASE_URL"]) as connection:
        [(found,)] = connection.execute(query).fetchall()
        return int(found)


def count_of(site: Site, room: str) -> int:
    """As one more who comes in is told."""
    with chatting(site, room) as late:
        return int(late.hello()["here"])


def publishing(site: Site) -> int:
    found = rtmp.parse(httpx.get(f"{site.control_url}/stat").raise_for_status().content)
    return sum(stream.publisher is not None for stream in found.values())
