"""Viewers: the channel's page in Chromium while somebody publishes over RTMP."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Streamer
from tests.e2e.watcher import Watcher

START_S = 5  # from the publisher's own start to the first frame
TRIES = 3  # the machine may be busy
MEASURED_S = 5  # by then the site knows what this key's publisher sends
PLAYABLE = """() => MediaSource.isTypeSupported('video/mp4; codecs="avc1.64001f,mp4a.40.2"')"""


def test_this_browser_can_play_what_is_sent(watcher: Watcher) -> None:
    assert watcher.page.evaluate(PLAYABLE)


def test_a_waiting_page_plays_by_itself_and_says_when_the_stream_is_over(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    watcher.says(f"{alice.name} is offline. This page will start by itself when the stream does.")
    with alice.on_air():
        watcher.watch(MEASURED_S)
        watcher.says("")
        expect(watcher.page.get_by_role("button", name="Live")).to_be_visible()
    watcher.says(f"The stream has ended. This page will start by itself when {alice.name} comes back.")

    starts: list[float] = []
    while not starts or (min(starts) >= START_S and len(starts) < TRIES):
        watcher.forget()
        with alice.on_air() as publisher:
            watcher.watch()
            starts.append(watcher.seen["firstAt"] - publisher.began)
        watcher.says(f"The stream has ended. This page will start by itself when {alice.name} comes back.")
    assert min(starts) < START_S
    assert not watcher.errors


def test_the_player_asks_for_delta_updates_and_for_nothing_that_is_refused(watcher: Watcher, alice: Streamer) -> None:
    answers: list[tuple[int, str]] = []
    watcher.page.on("response", lambda answer: answers.append((answer.status, answer.url)))
    with alice.on_air(inputs=(*picture("320x180", fps=15), *TONE), video=(*H264, "-g", "30")):
        watcher.open(alice)
        watcher.watch(8)
        for name in watcher.seen["levels"]:
            watcher.choose(name)
            watcher.watch(4)
    playlists = [(status, url) for status, url in answers if "/playlist.m3u8" in url]
    assert [(status, url) for status, url in playlists if status != 200] == []
    assert sum("_HLS_skip=YES" in url for _, url in playlists) > len(playlists) / 2
    assert not watcher.errors
