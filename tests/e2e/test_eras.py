"""What goes wrong under a page that plays: its picture goes on by itself, and the playlists never contradict themselves."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import httpx
import pytest
import redis

from tests.e2e.playlists import Stream
from tests.e2e.processes import commands
from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.relay import Tag, clip
from tests.e2e.streamer import Streamer
from tests.e2e.watcher import Watcher
from tests.live import Site

SMALL = (*picture("426x240"), *TONE)
SETTLED_S = 4
STEADY_S = 11  # an ffmpeg that ran for so long is followed by another at once
SOON_S = 6  # a keyframe is 2 s away at most; the rest is the encoder's and the player's, on a busy machine
LATER_S = 12  # for what the reconciler has to notice
LOOK_S = 0.3
HOUR_MS = 3_600_000


class Follower:
    """Reads every playlist again and again, as a player that never stops would."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.sequences: dict[str, list[int]] = defaultdict(list)
        self.over = threading.Event()
        self.reading = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self.over.wait(LOOK_S):
            for name in self.stream.renditions:
                media = self.stream.media(name)
                self.sequences[name].append(media.sequence)
                self.sequences[f"{name}, newest"].append(media.segments[-1].msn)


@contextmanager
def followed(alice: Streamer) -> Iterator[None]:
    """Media sequence numbers never fall meanwhile, and at the end all renditions agree on eras."""
    with httpx.Client(timeout=15) as client:
        follower = Follower(Stream(alice, client))
        follower.reading.start()
        try:
            yield
        finally:
            follower.over.set()
            follower.reading.join()
        for name, numbers in follower.sequences.items():
            assert all(before <= after for before, after in pairwise(numbers)), (name, numbers)
        follower.stream.conforming()


def goes_on(watcher: Watcher, within_s: float) -> None:
    """Without a reload, and without a new start of the player."""
    watcher.forget()
    watcher.watch(within_s)
    seen = watcher.seen
    assert seen["still"] < within_s, seen
    assert not [fault for fault in seen["faults"] if fault[2]] and not watcher.errors, seen


def kill_encoder(site: Site, words: str) -> None:
    lines = {pid: line for pid, line in commands(site).items() if line.startswith("ffmpeg") and "-rtmp_live" in line}
    found = [pid for pid, line in lines.items() if words in line]
    assert len(found) == 1, (words, lines)
    os.kill(found[0], signal.SIGKILL)


SOURCE, AUDIO, LOWEST = "-c:v copy", "-c:a copy", "min(360"
DYING = [SOURCE, *(pytest.param(words, marks=pytest.mark.long) for words in (AUDIO, LOWEST))]


@pytest.mark.parametrize("words", DYING, ids=["source", "audio", "360p"])
def test_an_encoder_that_dies_costs_a_moment(watcher: Watcher, alice: Streamer, words: str) -> None:
    outlives(watcher, alice, words, STEADY_S, SOON_S)


@pytest.mark.long
@pytest.mark.parametrize("words", [SOURCE, AUDIO], ids=["source", "audio"])
def test_an_encoder_that_dies_young_is_replaced(watcher: Watcher, alice: Streamer, words: str) -> None:
    outlives(watcher, alice, words, SETTLED_S, LATER_S)


def outlives(watcher: Watcher, alice: Streamer, words: str, after_s: float, within_s: float) -> None:
    """The picture goes on so soon after the encoder with these words in its command was killed."""
    watcher.open(alice)
    with alice.on_air(inputs=SMALL), followed(alice):
        watcher.watch(after_s)
        kill_encoder(alice.site, words)
        goes_on(watcher, within_s)


def jumping(*changes: tuple[int, int]) -> list[Tag]:
    """From each moment on, the stamps are so much later than they should be (ms)."""
    tags = clip(50, inputs=SMALL, video=(*H264, "-g", "60"))
    return [tag.stamped(tag.stamp_ms + [by for at, by in changes if at <= tag.stamp_ms][-1]) for tag in tags]


def test_stamps_that_jump_there_and_back_are_not_seen(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with alice.relaying(jumping((0, HOUR_MS), (6500, 3 * HOUR_MS), (11_300, 0))), followed(alice):
        watcher.watch(14)
        assert watcher.seen["stalls"] == 0 and watcher.seen["still"] < 1, watcher.seen
        with httpx.Client() as client:
            found = Stream(alice, client).conforming()
        assert {name: media.segments[-1].era for name, media in found.items()} == dict.fromkeys(found, 2)
    assert not watcher.errors


def test_a_publisher_that_comes_again_from_zero_is_shown_without_a_reload(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with alice.on_air(inputs=SMALL):
        watcher.watch(SETTLED_S)
        before = alice.state()["id"]
    watcher.sees_the_end()
    watcher.forget()
    with alice.on_air(inputs=SMALL):
        watcher.watch(SETTLED_S)
        assert alice.state()["id"] != before
    assert not watcher.errors


@pytest.mark.long
def test_a_publisher_that_is_cut_off_and_comes_again_is_shown_without_a_reload(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with alice.on_air(inputs=SMALL) as publisher:
        watcher.watch(SETTLED_S)
        os.kill(publisher.process.pid, signal.SIGKILL)
        watcher.forget()
        with alice.on_air(inputs=SMALL):
            watcher.watch(SETTLED_S)
    assert not watcher.errors


@pytest.mark.long
def test_what_redis_has_forgotten_of_a_broadcast_its_encoders_bring_back(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with alice.on_air(inputs=SMALL):
        watcher.watch(SETTLED_S)
        with httpx.Client() as client:
            stream = Stream(alice, client)
            before = stream.conforming()
            forget(alice)
            watcher.forget()
            watcher.watch(SETTLED_S)
            assert watcher.seen["still"] < LATER_S, watcher.seen
            after = stream.conforming()
        for name in before:
            assert after[name].segments[0].msn <= before[name].segments[-1].msn < after[name].segments[-1].msn, name
    assert not watcher.errors


def forget(alice: Streamer) -> None:
    """As if Redis had been emptied, for this broadcast alone."""
    with redis.Redis.from_url(alice.site.env["SEGMENTS_REDIS_URL"]) as store:
        keys = list(store.scan_iter(match=f"hls:{{{alice.state()['id']}}}*", count=1000))
        assert keys
        store.delete(*keys)
