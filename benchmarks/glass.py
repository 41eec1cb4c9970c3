"""Glass to glass: from the stamp in the publisher's picture to its display in Chromium, beside the publisher's own floor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks import clip, floor, page, source
from benchmarks.numbers import percentile, spread
from benchmarks.page import Seen
from tests.chromium import launch_chromium
from tests.e2e.streamer import Cast, Streamer
from tests.live import Site

SIZE = "1280x720"
WIDTH = 1280
HEIGHTS = {"source": 720, "360p": 360}
LADDER = "source and 360p"
RUNS = [("low", "360p"), ("low", "source"), ("ultra", "360p"), ("steady", "360p")]
SETTLE_S = 5
WINDOW_S, QUICK_WINDOW_S = 60, 12
START_S = 8  # how long the publisher goes on for the page's start
STEADY_RATE = 0.005


def settings(folder: Path) -> dict[str, str]:
    """With more transcodes the publisher, its encoders and Chromium would fill two cores."""
    return {"LARGEST_TRANSCODE": "360"}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with Cast(site) as cast, launch_chromium() as browser:
        streamers = {preset: cast.join("alice", latency=preset) for preset in dict.fromkeys(preset for preset, _ in RUNS)}
        clip.introduce(SIZE, *streamers.values())
        runs = [
            {"preset": preset, "rendition": rendition}
            | run(browser, streamers[preset], rendition, QUICK_WINDOW_S if quick else WINDOW_S)
            for preset, rendition in RUNS
        ]
    return {"publisher": f"{SIZE}, {source.FPS} frames/s, two B-frames", "ladder": LADDER, "runs": runs}


def run(browser: Browser, streamer: Streamer, rendition: str, window_s: int) -> dict[str, Any]:
    tab = browser.new_page()
    page.open_page(tab, streamer)
    page.choose(tab, rendition)
    with source.publishing(streamer, START_S + SETTLE_S + window_s, SIZE) as publisher:
        tab.wait_for_function("() => window.seen.first")
        with floor.reading(streamer.site, WIDTH) as ages:
            tab.wait_for_timeout((SETTLE_S + window_s) * 1000)
            seen = page.seen(tab)
        tab.close()
        made, late = publisher.end()
    streamer.wait_until_over()
    return figures(seen, ages, window_s, HEIGHTS[rendition]) | {"publisher": {"frames": made, "late": late}}


def figures(seen: Seen, ages: Sequence[tuple[float, float]], window_s: float, height: int) -> dict[str, Any]:
    assert seen.first is not None
    begin = seen.first + SETTLE_S * 1000
    end = begin + window_s * 1000
    shown = seen.between(begin, end)
    glass = spread([frame.age for frame in shown])
    beneath = spread([age for at, age in ages if begin <= at < end])
    return {
        "as_chosen_share": round(sum(frame.height == height for frame in shown) / len(shown), 3),
        "glass_ms": glass,
        "floor_ms": beneath,
        "above_floor_ms": glass["p50"] - beneath["p50"],
        "stalls": sum(begin <= at < end for at in seen.waits),
        "unreadable": seen.unreadable,
        "off_rate_share": round(sum(abs(frame.rate - 1) > STEADY_RATE for frame in shown) / len(shown), 3),
        "each_second": {
            "glass_ms": each_second([(frame.at - begin, frame.age) for frame in shown]),
            "floor_ms": each_second([(at - begin, age) for at, age in ages if begin <= at < end]),
        },
    }


def each_second(points: Sequence[tuple[float, float]]) -> list[float]:
    """The median of each second's values."""
    seconds: dict[int, list[float]] = defaultdict(list)
    for at_ms, value in points:
        seconds[int(at_ms / 1000)].append(value)
    return [round(percentile(seconds[second], 0.5)) for second in sorted(seconds)]
