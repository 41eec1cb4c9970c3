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
LADDER = "source and 360p"
RUNS = [("low", "360p"), ("low", "source"), ("ultra", "360p"), ("steady", "360p")]
SETTLE_S = 5
WINDOW_S, QUICK_WINDOW_S = 60, 12
START_S = 8  # how long the publisher goes on for the page's start
STEADY_RATE = 0.005

SET_PRESET = """
from accounts.models import Channel
if any(field.name == "latency" for field in Channel._meta.fields):
    print(Channel.objects.filter(name="{name}").update(latency="{preset}"))
"""


def settings(folder: Path) -> dict[str, str]:
    """With more transcodes the publisher, its encoders and Chromium would fill two cores."""
    return {"LARGEST_TRANSCODE": "360"}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with Cast(site) as cast, launch_chromium() as browser:
        alice = cast.join("alice")
        clip.introduce(SIZE, alice)
        runs = [
            run(browser, alice, preset, rendition, QUICK_WINDOW_S if quick else WINDOW_S)
            for preset, rendition in RUNS
            if set_preset(alice, preset)
        ]
    return {"publisher": f"{SIZE}, {source.FPS} frames/s, two B-frames", "ladder": LADDER, "runs": runs}


def set_preset(streamer: Streamer, preset: str) -> bool:
    """False where channels have no presets, and this is not the one that all have."""
    done = streamer.site.manage("shell", "--no-imports", "--command", SET_PRESET.format(name=streamer.name, preset=preset))
    return done.strip() == "1" or preset == "low"


def run(browser: Browser, streamer: Streamer, preset: str, rendition: str, window_s: int) -> dict[str, Any]:
    tab = browser.new_page()
    page.open_page(tab, streamer)
    with source.publishing(streamer, START_S + SETTLE_S + window_s, SIZE) as publisher:
        page.force(tab, rendition)
        tab.wait_for_function("window.seen.first")
        with floor.reading(streamer.site, WIDTH) as ages:
            tab.wait_for_timeout((SETTLE_S + window_s) * 1000)
            seen = page.seen(tab)
        tab.close()
        made, late = publisher.end()
    streamer.wait_until_over()
    figures = {"preset": preset, "rendition": rendition} | figures_of(seen, ages, window_s)
    return figures | {"publisher": {"frames": made, "late": late}}


def figures_of(seen: Seen, ages: Sequence[tuple[float, float]], window_s: float) -> dict[str, Any]:
    assert seen.first is not None
    begin = seen.first + SETTLE_S * 1000
    end = begin + window_s * 1000
    shown = seen.between(begin, end)
    glass = spread([frame.age for frame in shown])
    beneath = spread([age for at, age in ages if begin <= at < end])
    return {
        "heights": sorted({frame.height for frame in shown}),
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
