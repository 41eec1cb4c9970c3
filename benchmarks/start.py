"""Starting: from the publisher's start to the first frame in a page that waits, and from opening a page to the first frame of a
stream that runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks import clip, glass, page, source
from benchmarks.numbers import percentile, spread
from benchmarks.page import Seen
from tests.chromium import launch_chromium
from tests.e2e.streamer import Cast, Streamer
from tests.live import Site

WAITING, QUICK_WAITING = 8, 2
RUNNING, QUICK_RUNNING = 10, 2
LOOK_S = 2.0  # after the first frame, the picture should be as old as it will stay
AROUND_S = 0.25
SETTLED_S = 6.0


def settings(folder: Path) -> dict[str, str]:
    return glass.settings(folder)


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with Cast(site) as cast, launch_chromium() as browser:
        alice = cast.join("alice")
        clip.introduce(glass.SIZE, alice)
        waits = [in_a_waiting_page(browser, alice) for _ in range(QUICK_WAITING if quick else WAITING)]
        opened = in_a_running_stream(browser, alice, QUICK_RUNNING if quick else RUNNING)
    return {
        "ladder": glass.LADDER,
        "publish_to_first_frame_ms": spread(waits) | {"each": waits},
        "open_to_first_frame_ms": spread([first for first, _ in opened]) | {"each": [first for first, _ in opened]},
        "late_after_2s_ms": spread([late for _, late in opened]) | {"each": [late for _, late in opened]},
    }


def in_a_waiting_page(browser: Browser, streamer: Streamer) -> int:
    tab = browser.new_page()
    page.open_page(tab, streamer)
    with source.publishing(streamer, 60, glass.SIZE) as publisher:
        tab.wait_for_function("window.seen.first")
        seen = page.seen(tab)
    tab.close()
    streamer.wait_until_over()
    assert seen.first
    return round(seen.first - publisher.began_ms)


def in_a_running_stream(browser: Browser, streamer: Streamer, times: int) -> list[tuple[int, int]]:
    """Each time in a browser that has not been there before: ms to the first frame, and how much older than it will be
    in the end the picture is two seconds later."""
    found = []
    with source.publishing(streamer, times * 20, glass.SIZE):
        time.sleep(10)  # a whole window of parts, as in a stream that has been running
        for _ in range(times):
            with browser.new_context() as context:
                tab = context.new_page()
                page.open_page(tab, streamer)
                tab.wait_for_function("window.seen.first")
                tab.wait_for_timeout((SETTLED_S + 2) * 1000)
                found.append(first_and_late(page.seen(tab)))
    streamer.wait_until_over()
    return found


def first_and_late(seen: Seen) -> tuple[int, int]:
    assert seen.first
    look = seen.first + LOOK_S * 1000
    then = seen.between(look - AROUND_S * 1000, look + AROUND_S * 1000)
    settled = seen.between(seen.first + SETTLED_S * 1000, float("inf"))
    late = percentile([frame.age for frame in then], 0.5) - percentile([frame.age for frame in settled], 0.5)
    return round(seen.first - seen.origin), round(late)
