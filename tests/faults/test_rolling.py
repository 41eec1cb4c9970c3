"""What an upgrade costs those who watch and chat meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice

import httpx
import pytest

from deploy.local.instance import CHECKOUT
from tests.e2e.playlists import Stream
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.chatters import Chatter
from tests.faults.figures import Fault
from tests.faults.stack import Stack, cast, site, stack
from tests.faults.viewers import Viewer
from tests.faults.watched import SMALL

__all__ = ["cast", "site", "stack"]

LIVES, VIEWERS, CHATTERS = 3, 50, 50
STOOD_S, BACK_S = 3, 5
SETTLED_PARTS, SETTLED_WORDS = 10, 100
PATIENCE_S, RESTARTED_S = 60, 240
ON_AIR_S = 600


@contextmanager
def together(people: Iterable[Coroutine[object, object, None]]) -> Iterator[None]:
    """In a thread of their own, until the end of it."""

    async def live() -> None:
        tasks = [asyncio.create_task(one) for one in people]
        over.add_done_callback(lambda _: [task.cancel() for task in tasks])
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        broken.extend(error for task in done if not task.cancelled() and (error := task.exception()))

    loop = asyncio.new_event_loop()
    over: asyncio.Future[None] = loop.create_future()
    broken: list[BaseException] = []
    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set_result, None)
        thread.join()
        loop.close()
    assert not broken, broken


@pytest.mark.long
def test_a_rolling_restart_stops_no_picture_and_loses_no_word(cast: Cast, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(13, "rolling restart of all pools, 3 lives, 50 viewers, 50 chatters")
    streamers = [cast.join("alice", reconnect_s=30) for _ in range(LIVES)]
    with ExitStack() as lives:
        for alice in streamers:
            lives.enter_context(alice.on_air(inputs=SMALL, seconds=ON_AIR_S))
        before = [alice.state()["id"] for alice in streamers]
        viewers = [Viewer(url) for url in islice(cycle(renditions(streamers, client)), VIEWERS)]
        talks = threading.Event()
        chatters = [Chatter(cast.join("bob"), alice.name, talks) for alice in islice(cycle(streamers), CHATTERS)]
        with together([*(each.watch() for each in viewers), *(each.chat() for each in chatters)]):
            until(lambda: all(each.is_welcome for each in chatters), PATIENCE_S)
            talks.set()
            until(lambda: min(each.parts for each in viewers) > SETTLED_PARTS, PATIENCE_S)
            until(lambda: words(chatters) > SETTLED_WORDS, PATIENCE_S)
            restart(stack)
            seen, said = min(each.parts for each in viewers), words(chatters)
            until(lambda: min(each.parts for each in viewers) > seen + SETTLED_PARTS, PATIENCE_S)
            until(lambda: words(chatters) > said + SETTLED_WORDS, PATIENCE_S)
            talks.clear()
            until(lambda: not any(each.said for each in chatters), PATIENCE_S)
            until(lambda: not missing(chatters), BACK_S, lambda: missing(chatters))
            stood_s = max(each.longest_s for each in viewers)
        assert [alice.state()["id"] for alice in streamers] == before
    figures(fault, viewers, chatters, stood_s)


def renditions(streamers: list[Streamer], client: httpx.Client) -> list[str]:
    """Their playlists, each broadcast's in turn."""
    found = [list(Stream(alice, client).renditions.values()) for alice in streamers]
    return [url for each in zip(*found, strict=True) for url in each]


def restart(stack: Stack) -> None:
    command = [sys.executable, "-m", "deploy.local.restart", str(stack.site.folder)]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=stack.site.environment, capture_output=True, text=True, timeout=RESTARTED_S
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr


def words(chatters: list[Chatter]) -> int:
    return sum(len(each.acknowledged) for each in chatters)


def missing(chatters: list[Chatter]) -> int:
    """What was acknowledged in a room, and somebody there has not read."""
    said = {room: {text for each in chatters if each.room == room for text in each.acknowledged} for room in rooms(chatters)}
    return sum(len(said[each.room] - set(each.read)) for each in chatters)


def rooms(chatters: list[Chatter]) -> set[str]:
    return {each.room for each in chatters}


def figures(fault: Fault, viewers: list[Viewer], chatters: list[Chatter], stood_s: float) -> None:
    errors = sum((each.errors for each in viewers), Counter[str]())
    print(errors, sum((each.refused for each in chatters), Counter[str]()))
    away_s = [away for each in chatters for away in each.away_s]
    assert len(away_s) >= CHATTERS, "the restart was not noticed"
    fault.at_most("errors of players", errors.total(), 0)
    fault.at_most("longest still stand of a player", stood_s, STOOD_S, "s")
    fault.at_most("a chatter is back", max(away_s), BACK_S, "s")
    fault.at_most("messages that somebody misses after the replay", missing(chatters), 0)
    fault.at_most("messages that somebody got twice", sum(len(each.read) - len(set(each.read)) for each in chatters), 0)
