"""A publisher that is gone comes back: the same broadcast goes on, on the same page, without a click."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from itertools import pairwise

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import Visit
from tests.e2e.playlists import Media, Stream
from tests.e2e.processes import commands
from tests.e2e.publisher import TONE, picture
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.e2e.watcher import Watcher

SMALL = (*picture("426x240"), *TONE)
LARGER = (*picture("854x480", fps=25), *TONE)
SETTLED_S = 3
NOTICED_S = 5
IDLE_S = 10  # then the RTMP server drops who is silent
ON_PAGE_S = 1.5  # a browser that has run dry waits for two seconds by itself
AT_ONCE_S = 8
BEFORE_A_KEYFRAME_S = 1.65  # after the first part of a segment of two seconds has been listed
SHORT_S = 5
RELISTED_S = 10  # with its second keyframe, and what the edge keeps
PLAYLISTS = re.compile(r"/hls/\w+/\w+/playlist\.m3u8")
GIVEN_UP_S, COUNTED_S = 5, 8


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice", reconnect_s=90)


def is_in_state(alice: Streamer, state: str) -> bool:
    return str(alice.state()["state"]) == state


def newest_eras(found: dict[str, Media]) -> set[int]:
    return {media.segments[-1].era for media in found.values()}


def size_of_source(alice: Streamer, client: httpx.Client) -> tuple[int, int]:
    """As it is listed for who comes now."""
    [found] = [each for each in Stream(alice, client).master.playlists if each.uri.startswith("source/")]
    return found.stream_info.resolution


def goes_on(watcher: Watcher, alice: Streamer, broadcast_id: str) -> None:
    """The same player shows the same broadcast."""
    watcher.watch(SETTLED_S)
    until(lambda: is_in_state(alice, "live"), NOTICED_S)
    seen = watcher.seen
    assert alice.state()["id"] == broadcast_id
    assert seen["starts"] == 0 and not [fault for fault in seen["faults"] if fault[2]], seen
    assert not watcher.errors
    watcher.says("")


@pytest.mark.parametrize("gone_s", [5, pytest.param(25, marks=pytest.mark.long)])
def test_a_publisher_that_was_killed_comes_back_with_another_size(watcher: Watcher, alice: Streamer, gone_s: int) -> None:
    """After 25 s, too, when the origin has answered 503 to players that waited."""
    watcher.open(alice)
    with httpx.Client(timeout=15) as client, alice.on_air(inputs=SMALL) as publisher:
        watcher.watch(SETTLED_S)
        stream, broadcast_id = Stream(alice, client), alice.state()["id"]
        before = stream.conforming()
        os.kill(publisher.process.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        watcher.says(f"{alice.name} is back in a moment: the connection was lost. This page goes on by itself.", NOTICED_S)
        assert "Reconnecting until" in alice.dashboard() and not stream.media().ended
        until(lambda: time.monotonic() >= killed_at + gone_s, gone_s + 1)
        watcher.forget()
        with alice.publish(inputs=LARGER) as again:
            until(lambda: is_in_state(alice, "live"), AT_ONCE_S)
            live_at = time.time()
            goes_on(watcher, alice, broadcast_id)
            seen_at = watcher.seen["firstAt"]
            print(f"after the publisher's start: live {live_at - again.began:.2f} s, on the page {seen_at - again.began:.2f} s")
            assert seen_at - live_at < ON_PAGE_S
            until(lambda: size_of_source(alice, client) == (854, 480), RELISTED_S)
            after = stream.conforming()
            assert newest_eras(after) == {era + 1 for era in newest_eras(before)}
            for name, media in after.items():
                assert media.sequence >= before[name].sequence
                assert all(0 <= later.era - earlier.era <= 1 for earlier, later in pairwise(media.segments))
                assert {segment.init for segment in media.segments if segment.era == media.segments[-1].era} - {
                    segment.init for segment in before[name].segments
                }, name


def test_a_publisher_who_was_lost_with_a_keyframe_is_seen_at_once(watcher: Watcher, alice: Streamer) -> None:
    """The sound has a gap where the picture has begun a last segment: hls.js loads no parts after one by itself."""
    watcher.open(alice)
    with httpx.Client(timeout=15) as client, alice.on_air(inputs=SMALL) as publisher:
        watcher.watch(SETTLED_S)
        stream, broadcast_id = Stream(alice, client), alice.state()["id"]
        stream.begins()
        watcher.page.wait_for_timeout(BEFORE_A_KEYFRAME_S * 1000)
        os.kill(publisher.process.pid, signal.SIGKILL)
        until(lambda: is_in_state(alice, "reconnecting"), NOTICED_S)
        picture, sound = (stream.media(name).segments[-1].msn for name in ("source", "audio"))
        print(f"last segments: picture {picture}, sound {sound}")
        until(lambda: watcher.is_dry, NOTICED_S)
        watcher.forget()
        with alice.publish(inputs=LARGER):
            until(lambda: is_in_state(alice, "live"), AT_ONCE_S)
            live_at = time.time()
            goes_on(watcher, alice, broadcast_id)
            print(f"on the page {watcher.seen['firstAt'] - live_at:.2f} s after it was live")
            assert watcher.seen["firstAt"] - live_at < ON_PAGE_S


def test_a_player_whose_playlists_are_503_asks_once_a_second_and_goes_on(watcher: Watcher, alice: Streamer) -> None:
    asked: Counter[str] = Counter()

    def refuse(route: Route) -> None:
        asked[route.request.url.partition("?")[0]] += 1
        route.fulfill(status=503, headers={"Retry-After": "1"})

    watcher.open(alice)
    with alice.on_air(inputs=SMALL) as publisher:
        watcher.watch(SETTLED_S)
        broadcast_id = alice.state()["id"]
        watcher.page.route(PLAYLISTS, refuse)
        os.kill(publisher.process.pid, signal.SIGKILL)
        until(lambda: is_in_state(alice, "reconnecting"), NOTICED_S)
        until(lambda: watcher.seen and len(asked) == 2, GIVEN_UP_S)  # what was held before has been given up
        asked.clear()
        watcher.page.wait_for_timeout(COUNTED_S * 1000)
        print(f"asked in {COUNTED_S} s: {sorted(asked.values())}")
        assert len(asked) == 2 and all(COUNTED_S - 2 <= times <= COUNTED_S + 1 for times in asked.values()), asked
        watcher.forget()
        watcher.page.unroute(PLAYLISTS)
        with alice.publish(inputs=SMALL):
            until(lambda: is_in_state(alice, "live"), AT_ONCE_S)
            goes_on(watcher, alice, broadcast_id)


def test_a_stop_looks_like_a_drop_until_the_time_is_over(watcher: Watcher, cast: Cast) -> None:
    alice = cast.join("alice", reconnect_s=SHORT_S)
    watcher.open(alice)
    with httpx.Client(timeout=15) as client, alice.on_air(inputs=SMALL) as publisher:
        watcher.watch()
        stream = Stream(alice, client)
        publisher.stop()
        until(lambda: is_in_state(alice, "reconnecting"), NOTICED_S)
        assert not stream.media().ended and alice.live
        watcher.sees_the_end()
        assert stream.media().ended
    assert alice.live is None
    assert "The last broadcast ended: stopped." in alice.dashboard()


def test_who_has_stopped_on_purpose_ends_it_on_the_dashboard(visit: Visit, watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with alice.on_air(inputs=SMALL) as publisher:
        watcher.watch()
        page = visit(alice)
        page.goto(f"{alice.site.url}/dashboard/")
        publisher.stop()
        expect(page.get_by_role("heading", name="Your encoder is gone")).to_be_visible(timeout=NOTICED_S * 1000)
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="End now").click()
        expect(page.get_by_text("You ended the broadcast.")).to_be_visible()
        watcher.sees_the_end()
    assert alice.live is None


def read_by_encoders(alice: Streamer) -> set[str]:
    lines = [line for line in commands(alice.site).values() if line.startswith("ffmpeg") and "-rtmp_live" in line]
    return {line.partition("-i rtmp://")[2].split()[0] for line in lines}


def test_a_second_publisher_takes_over_once_the_first_is_silent(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with httpx.Client(timeout=15) as client, alice.on_air(inputs=SMALL) as first:
        watcher.watch(SETTLED_S)
        stream, broadcast_id = Stream(alice, client), alice.state()["id"]
        with alice.publish(inputs=SMALL) as second:
            second.end(AT_ONCE_S)
            assert second.process.returncode != 0 and first.runs
        assert "Another attempt was refused: already live." in alice.dashboard()
        watcher.forget()
        os.kill(first.process.pid, signal.SIGSTOP)
        silent_at = time.time()
        with alice.comes_again(lambda: stream.media().segments[-1].era == 1, inputs=LARGER) as third:
            assert third.began - silent_at <= IDLE_S
            print(f"let in {third.began - silent_at:.2f} s after the first fell silent")
            goes_on(watcher, alice, broadcast_id)
            os.kill(first.process.pid, signal.SIGCONT)
            first.end(AT_ONCE_S)  # it finds its connection closed
            until(lambda: len(read_by_encoders(alice)) == 1, NOTICED_S, lambda: read_by_encoders(alice))
            goes_on(watcher, alice, broadcast_id)
            assert third.runs
