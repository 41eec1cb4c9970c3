"""Broadcast after broadcast, and what is left of them: SOAK_CYCLES=1000 in the environment for more than the usual ones."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from streams.ladder import RUNGS
from tests.e2e.chatter import chatting
from tests.e2e.playlists import Stream
from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.remains import Remains, is_quiet, strays
from tests.faults.stack import Stack, cast, site, stack

__all__ = ["cast", "site", "stack"]
pytestmark = pytest.mark.long

CYCLES = int(os.environ.get("SOAK_CYCLES", "204"))
WARM_UP = CYCLES // 2  # by then caches, pools and heaps have what they will have
AT_A_TIME = 3  # so many have a place for each rendition, also while those of the last one are about to end
PICTURE = (*picture("426x240", fps=10), *TONE)
KEYFRAME_1S = ("-g", "10")
LIVE_S, OVER_S, QUIET_S = 40, 20, 120  # an encoder that came too early for the picture is followed by another
GROWTH_MB = 10  # however many there are: cyclic garbage waits until there is a quarter as much as of all else
FEW = 8
EACH = {"streams_broadcast": 1, "stream_metadata": 1, "audience": 1, "streams_encodelease": 2 + len(RUNGS)}  # that stay


def test_nothing_is_left_of_broadcasts_that_are_over(cast: Cast, stack: Stack, client: httpx.Client) -> None:
    fault = Fault(14, "broadcast after broadcast")
    streamers = [cast.join("alice") for _ in range(AT_A_TIME)]
    before, after = soaked(streamers, client, WARM_UP), soaked(streamers, client, CYCLES - WARM_UP)
    count = after.rows["streams_broadcast"] - before.rows["streams_broadcast"]
    fault.at_least("broadcasts", after.rows["streams_broadcast"], CYCLES)
    memory_kb, descriptors, threads = (after.more(before, what) for what in ("memory_kb", "descriptors", "threads"))
    print(memory_kb, descriptors, threads)
    fault.at_most("memory more, of the program that grows most", max(memory_kb.values()) / 1024, GROWTH_MB, "MB")
    fault.at_most("descriptors more in all", sum(descriptors.values()), FEW)
    fault.at_most("threads more in all", sum(threads.values()), FEW)
    rows = {name: more - EACH.get(name, 0) * count for name, more in after.more(before, "rows").items()}
    fault.at_most("rows and documents more than should stay", max(0, *rows.values()), 0)
    left = [strays(stack.site), after.keys - before.keys, after.files - before.files]
    print(left)
    for what, found in zip(
        ("zombies and orphaned processes", "keys that never expire", "files but posters"), left, strict=True
    ):
        fault.at_most(what, len(found), 0)


def soaked(streamers: list[Streamer], client: httpx.Client, cycles: int) -> Remains:
    """What is left once all is quiet."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        each = [pool.submit(broadcast, streamer, client, cycles // AT_A_TIME) for streamer in streamers]
        for one in each:
            one.result()
    print(f"{cycles} broadcasts in {time.monotonic() - began:.0f} s")
    site = streamers[0].site
    until(lambda: is_quiet(site), QUIET_S)
    print(f"quiet after {time.monotonic() - began:.0f} s")
    return Remains.of(site)


def broadcast(alice: Streamer, client: httpx.Client, times: int) -> None:
    """The next begins when the last is over."""
    for _ in range(times):
        is_live = partial(is_shown, alice, client, "live")
        with alice.comes_again(is_live, LIVE_S, inputs=PICTURE, video=(*H264, *KEYFRAME_1S)):
            stream = Stream(alice, client)
            media = stream.media(next(iter(stream.renditions)))  # where encoders are late, not all of them are there
            assert stream.bytes(media.parts[-1].url)
            with chatting(alice.site, alice.name) as bob:
                bob.hello()
        until(partial(is_shown, alice, client, "ended"), OVER_S, alice.dashboard)


def is_shown(alice: Streamer, client: httpx.Client, state: str) -> bool:
    """On the channel's page."""
    page = client.get(f"{alice.site.url}/live/{alice.name}/state").raise_for_status().json()
    return bool(page["state"] == state)
