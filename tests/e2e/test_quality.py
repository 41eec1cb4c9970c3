"""What a viewer can choose, and what the player does by itself when the network is bad: in Chromium, against a real publish."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.e2e.watcher import Watcher

SMALL: dict[str, Any] = {
    "inputs": (*picture("854x480", fps=15), *TONE),
    "video": (*H264, "-g", "30", "-b:v", "2200k", "-maxrate", "2200k", "-bufsize", "1100k"),
    "seconds": 240,
}
TRIES = 3  # the machine may be busy
CHANGE_S = 30
RETURN_S = 60  # three seconds behind at most a tenth faster
LEAP_S, STILL_S = 0.3, 1
SLOWER = (2, 1.4, 0.9)  # of what the best level needs

LINES = (
    r"Behind live\d\.\d\d s, target \d\.\d\d s",
    r"Picture854×480, 1\d frames/s",
    r"Playback rate[01]\.\d\d×",
    r"Stalls\d+",
)


@pytest.fixture
def bob(watcher: Watcher, alice: Streamer) -> Iterator[Watcher]:
    """He watches alice."""
    with alice.on_air(**SMALL):
        watcher.open(alice)
        watcher.watch()
        yield watcher
    assert not watcher.errors


def undisturbed(bob: Watcher, episode: Callable[[], None]) -> None:
    for _ in range(TRIES):
        bob.forget()
        episode()
        if not bob.seen["stalls"]:
            break
    assert bob.seen["stalls"] == 0
    assert bob.seen["still"] < STILL_S and bob.seen["leap"] < LEAP_S


def plays(bob: Watcher, level: str) -> None:
    until(lambda: bob.seen["level"] == level, CHANGE_S, lambda: bob.seen)


def test_the_quality_follows_the_network_without_a_stall(bob: Watcher) -> None:
    best, needs = bob.seen["levels"][-1], bob.seen["bitrates"][-1]

    def episode() -> None:
        bob.network()
        plays(bob, best)
        for share in SLOWER:
            bob.network(share * needs)
            bob.watch(3)
        until(lambda: bob.seen["level"] != best, CHANGE_S, lambda: bob.seen)
        bob.network()
        plays(bob, best)

    undisturbed(bob, episode)


def test_every_quality_can_be_forced(bob: Watcher) -> None:
    levels = bob.seen["levels"]
    assert levels[0] == "360p" and len(levels) == 3
    expect(menu(bob).locator("option")).to_have_text(
        [re.compile(r"Auto \(480p( source)?\)"), "480p source", "480p", "360p", "Audio only"]
    )

    def episode() -> None:
        for name in levels:
            force(bob, name)

    undisturbed(bob, episode)


def force(bob: Watcher, name: str) -> None:
    bob.choose(name)
    until(lambda: {name, "audio"} <= bob.requested(), CHANGE_S, bob.requested)
    plays(bob, name)
    until(lambda: bob.seen["height"] == (360 if name == "360p" else 480), CHANGE_S, lambda: bob.seen)
    bob.watch()


@pytest.mark.long
def test_a_chosen_quality_that_could_not_be_loaded_comes_back(bob: Watcher) -> None:
    bob.choose("360p")
    plays(bob, "360p")
    bob.page.route("**/360p/*.mp4", lambda route: route.abort())
    until(lambda: bob.seen["level"] != "360p", CHANGE_S, lambda: bob.seen)
    bob.page.unroute_all()
    plays(bob, "360p")
    bob.watch(2)


@pytest.mark.parametrize("gone", [("480p",), ("480p", "360p")], ids=["one", "all but the source"])
def test_a_quality_that_the_site_no_longer_makes_is_dropped(bob: Watcher, gone: tuple[str, ...]) -> None:
    bob.choose("480p")
    plays(bob, "480p")
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404)

    bob.page.route(re.compile(f"/({'|'.join(gone)})/playlist.m3u8"), refuse)
    until(lambda: bob.seen["level"] not in (*gone, None), CHANGE_S, lambda: bob.seen)
    expect(bob.page.locator("quality-menu option[value='480p']")).to_have_count(0)
    bob.watch(5)
    assert 1 <= len(asked) <= len(gone)
    bob.page.unroute_all()


def test_sound_alone_fetches_no_picture(bob: Watcher) -> None:
    words = bob.page.get_by_text("Audio only", exact=True).locator("visible=true")
    bob.choose("audio")
    expect(words).to_be_visible()
    bob.listen()
    bob.requested().clear()
    bob.listen(3)
    assert bob.requested() == {"audio"}

    bob.choose("360p")
    plays(bob, "360p")
    bob.watch()
    expect(words).to_be_hidden()
    bob.choose("auto")
    expect(menu(bob).locator("option:checked")).to_have_text(re.compile(r"Auto \(\d+p( source)?\)"))


def test_the_choice_outlives_the_stream(watcher: Watcher, alice: Streamer) -> None:
    with alice.on_air(**SMALL):
        watcher.open(alice)
        watcher.watch()
        watcher.choose("360p")
        plays(watcher, "360p")
    watcher.says(f"The stream has ended. This page will start by itself when {alice.name} comes back.")
    with alice.on_air(**SMALL):
        watcher.forget()
        watcher.watch(3)
        seen = watcher.seen
        assert seen["level"] == "360p" and "fragGap" not in [fault[1] for fault in seen["faults"]], seen
    assert not watcher.errors


def test_the_live_button_says_how_far_behind_it_is_and_goes_live(bob: Watcher) -> None:
    expect(live(bob)).to_have_accessible_name("Live")
    bob.page.get_by_role("button", name="Pause").first.click()
    expect(live(bob)).to_have_text(re.compile("LIVE −[4-9] s"), timeout=10_000)
    expect(live(bob)).to_have_accessible_name(re.compile(r"Go to live, [4-9] seconds behind"))
    live(bob).press("Enter")
    expect(live(bob)).to_have_text("LIVE")
    expect(live(bob)).to_have_accessible_name("Live")
    bob.watch()
    assert bob.seen["behind"] < 2


def test_statistics_open_and_close(bob: Watcher) -> None:
    page = bob.page
    figures = page.locator("player-stats")
    expect(figures).to_be_hidden()
    page.get_by_role("button", name="Statistics").first.click()
    expect(figures).to_be_visible()
    for line in LINES:
        expect(figures).to_contain_text(re.compile(line))
    page.keyboard.press("Escape")
    expect(figures).to_be_hidden()
    page.keyboard.press("Shift+S")
    expect(figures).to_be_visible()


def test_a_short_pause_of_the_network_is_caught_up_without_a_seek(bob: Watcher) -> None:
    bob.forget()
    outage(bob, seconds=3)
    until(lambda: bob.seen["behind"] < 1, RETURN_S, lambda: bob.seen)
    assert bob.seen["seeks"] == 0


@pytest.mark.long
def test_a_long_pause_of_the_network_is_caught_up(bob: Watcher) -> None:
    outage(bob, seconds=15)
    until(lambda: bob.seen["behind"] < 1, RETURN_S, lambda: bob.seen)
    bob.watch(2)
    expect(live(bob)).to_have_text("LIVE")


def outage(bob: Watcher, seconds: float) -> None:
    bob.network(offline=True)
    bob.page.wait_for_timeout(1000 * seconds)
    bob.network()


def menu(bob: Watcher) -> Locator:
    return bob.page.get_by_label("Quality")


def live(bob: Watcher) -> Locator:
    return bob.page.locator("live-button button")
