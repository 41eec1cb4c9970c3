"""Pools that are restarted one at a time under a live broadcast."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx
import pytest

from tests.e2e.playlists import Stream
from tests.e2e.processes import commands, parent, workers
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.live import Site

RELOADED_S = 20


@contextmanager
def looking_on(*looks: Callable[[], object]) -> Iterator[list[object]]:
    """Each again and again, in a thread of its own; what went wrong."""
    wrong: list[object] = []
    over = threading.Event()

    def look(once: Callable[[], object]) -> None:
        while not over.is_set():
            try:
                once()
            except Exception as error:  # whatever a viewer would see
                wrong.append(error)

    with ThreadPoolExecutor(len(looks)) as pool:
        for each in looks:
            pool.submit(look, each)
        try:
            yield wrong
        finally:
            over.set()


def watcher(alice: Streamer, client: httpx.Client) -> Callable[[], None]:
    """As a player does: each list names what is asked for next."""
    stream = Stream(alice, client)
    name = next(iter(stream.renditions))
    media = stream.media(name)

    def once() -> None:
        nonlocal media
        before, media = media, stream.after(name, media)
        assert before.next_part in media
        client.get(media.parts[-1].url).raise_for_status()

    return once


def read_page(browser: httpx.Client, alice: Streamer) -> None:
    browser.get(alice.page).raise_for_status()


def master(site: Site, pool: str) -> int:
    found = {pid for pid, command in commands(site).items() if f"--name {pool}" in command}
    [pid] = [pid for pid in found if parent(pid) not in found]
    return pid


@pytest.mark.parametrize("pool", ["origin", "web"])
def test_a_pool_is_reloaded_and_nobody_who_watches_or_reads_notices(alice: Streamer, pool: str) -> None:
    with httpx.Client(timeout=20) as player, httpx.Client(timeout=20) as browser, alice.on_air():
        reads = partial(read_page, browser, alice)
        with looking_on(watcher(alice, player), reads) as wrong:
            before = set(workers(alice.site, pool))
            os.kill(master(alice.site, pool), signal.SIGHUP)
            until(lambda: renewed(alice.site, pool, before), RELOADED_S)
        assert wrong == []


def renewed(site: Site, pool: str, before: set[int]) -> bool:
    """As many as there were, and none of those."""
    now = set(workers(site, pool))
    return len(now) == len(before) and not now & before
