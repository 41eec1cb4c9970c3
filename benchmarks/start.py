"""Starting: from the publisher's start to the first frame in a page that waits, and from opening a page to the first frame of a
stream that runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks import clip, glass, page, source
from benchmarks.numbers import spread
from tests.chromium import launch_chromium
from tests.e2e.streamer import Cast, Streamer
from tests.live import Site

WAITING, QUICK_WAITING = 8, 2
RUNNING, QUICK_RUNNING = 10, 2
RUNNING_S = 10  # a stream that has been running for so long lists a whole window of parts
LOOK_S = 2


def settings(folder: Path) -> dict[str, str]:
    return glass.settings(folder)


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with Cast(site) as cast, launch_chromium() as browser:
        alice = cast.join("alice")
        clip.introduce(glass.SIZE, alice)
        waits = [in_a_waiting_page(browser, alice) for _ in range(QUICK_WAITING if quick else WAITING)]
        opened = in_a_running_stream(browser, alice, QUICK_RUNNING if quick else RUNNING)
    return {
        "publisher": "encodes as it sends; for the pages that are opened it sends a film that was encoded before",
        "ladder": glass.LADDER,
        "publish_to_first_frame_ms": spread(waits) | {"each": waits},
        "open_to_first_frame_ms": spread([first for first, _ in opened]) | {"each": [first for first, _ in opened]},
        "off_after_2s_ms": spread([abs(off) for _, off in opened]) | {"each": [off for _, off in opened]},
    }


def in_a_waiting_page(browser: Browser, streamer: Streamer) -> int:
    tab = browser.new_page()
    page.open_page(tab, streamer)
    with source.publishing(streamer, 60, glass.SIZE) as publisher:
        tab.wait_for_function("() => window.seen.first")
        seen = page.seen(tab)
    tab.close()
    streamer.wait_until_over()
    assert seen.first
    return round(seen.first - publisher.began_ms)


def in_a_running_stream(browser: Browser, streamer: Streamer, times: int) -> list[tuple[int, int]]:
    """Each time in a browser that has not been there before: ms to the first frame, and two seconds later, how much further
    behind the live edge than the player aims at. The publisher stands for one on another machine: it costs next to nothing."""
    found = []
    with clip.on_air(streamer, glass.SIZE):
        time.sleep(RUNNING_S)
        for _ in range(times):
            with browser.new_context() as context:
                tab = context.new_page()
                page.open_page(tab, streamer)
                tab.wait_for_function("() => window.seen.first")
                tab.wait_for_timeout(LOOK_S * 1000)
                seen = page.seen(tab)
                assert seen.first
                found.append((round(seen.first - seen.origin), round(page.off_target_ms(tab))))
    return found
