"""The directory: how long its pages take with 10,000 channels, 500 of them live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.numbers import curve, spread
from tests.e2e.processes import paused
from tests.live import Site

CHANNELS, LIVE = 10_000, 500
TIMES, QUICK_TIMES = 100, 15
WARM_UP = 5  # of each page: processes have just been started
PAGES = {
    "live now": "/",
    "live now, page 5": "/?page=5",
    "a category": "/?category=music",
    "a language, newest": "/?language=de&sort=newest",
    "a tag": "/?tag=silk",
    "a search": "/?q=silver",
    "a search of two words": "/?q=river+salt",
    "a search that finds nothing": "/?q=nobodyiscalledso",
    "all channels, page 200": "/?offline=on&sort=name&page=200",
}
FOLLOWER = "live now, of who follows 200"


def settings(folder: Path) -> dict[str, str]:
    return {}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with paused(site, "runjobs"):  # it would end broadcasts that nobody publishes
        session = order(site, f"fill({CHANNELS}, {LIVE})")
        waits = ask(site, session, QUICK_TIMES if quick else TIMES)
        order(site, "clear()")
    pages = {name: spread(each, digits=1) | {"curve": curve(each)} for name, each in waits.items()}
    return {"channels": CHANNELS, "live": LIVE, "pages": pages, "worst_p95_ms": max(page["p95"] for page in pages.values())}


def order(site: Site, call: str) -> str:
    return site.manage("shell", "--no-imports", "--command", f"from benchmarks.crowd import clear, fill; {call}").strip()


def ask(site: Site, session: str, times: int) -> dict[str, list[float]]:
    """Page after page, in turns; ms from the request to the last byte, at the edge."""
    waits: dict[str, list[float]] = {name: [] for name in [*PAGES, FOLLOWER]}
    with httpx.Client(base_url=site.url) as stranger, httpx.Client(base_url=site.url, cookies={"sessionid": session}) as bob:
        asks = [(name, stranger, path) for name, path in PAGES.items()] + [(FOLLOWER, bob, "/")]
        for turn in range(WARM_UP + times):
            for name, client, path in asks:
                began = time.perf_counter()
                client.get(path).raise_for_status()
                if turn >= WARM_UP:
                    waits[name].append((time.perf_counter() - began) * 1000)
    return waits
