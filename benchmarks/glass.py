"""From the stamp in the publisher's picture to its display in Chromium; and from the publisher's start to the first frame in a
page that was waiting.

LIVESTREAM_ENV=var/…/env python -m benchmarks.glass CHANNEL KEY [--seconds 60] [--size 1280x720] [--level 720]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
from playwright.sync_api import Page, sync_playwright

from benchmarks.source import CELL_OF_WIDTH, CELLS

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
SETTLE_S = 5

READ = """
([cells, widths]) => {
  const video = document.querySelector("live-player video");
  const canvas = Object.assign(document.createElement("canvas"), { width: cells * 3, height: 3 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const seen = (window.seen = { first: null, frames: [], stalls: 0, unreadable: 0 });
  video.addEventListener("waiting", () => { if (seen.first) seen.stalls += 1; });
  const read = (now, frame) => {
    const cell = video.videoWidth / widths;
    context.drawImage(video, 0, 0, cell * cells, cell, 0, 0, cells * 3, 3);
    const row = context.getImageData(0, 1, cells * 3, 1).data;
    const bits = Array.from({ length: cells }, (_, i) => (row[(i * 3 + 1) * 4] > 125 ? 1 : 0));
    const parity = bits.pop();
    const shown = performance.timeOrigin + frame.expectedDisplayTime;
    seen.first ??= shown;
    if (bits.reduce((a, b) => a + b) % 2 === parity) {
      const stamp = bits.reduce((value, bit) => value * 2 + bit, 0);
      seen.frames.push([shown, shown - stamp, video.playbackRate, video.videoHeight]);
    } else seen.unreadable += 1;
    video.requestVideoFrameCallback(read);
  };
  video.requestVideoFrameCallback(read);
}
"""

FORCE = """
(height) => new Promise((resolve) => {
  const player = document.querySelector("live-player");
  const force = () => {
    const index = player.hls?.levels?.findIndex((level) => level.height === height && level.name !== "source") ?? -1;
    if (index < 0) return setTimeout(force, 20);
    player.hls.startLevel = player.hls.nextLevel = index;
    resolve(index);
  };
  force();
})
"""


def figures(seen: dict[str, Any], started_ms: float) -> dict[str, Any]:
    settled = [frame for frame in seen["frames"] if frame[0] > seen["first"] + SETTLE_S * 1000]
    glass = sorted(frame[1] for frame in settled)
    return {
        "publish_to_first_frame_ms": round(seen["first"] - started_ms),
        "glass_ms": {
            "p50": round(statistics.median(glass)),
            "p95": round(glass[int(len(glass) * 0.95)]),
            "max": round(glass[-1]),
        },
        "first_frame_glass_ms": round(seen["frames"][0][1]),
        "stalls": seen["stalls"],
        "frames": len(settled),
        "unreadable": seen["unreadable"],
        "off_rate_share": round(sum(abs(frame[2] - 1) > 0.005 for frame in settled) / len(settled), 3),
        "heights": sorted({frame[3] for frame in settled}),
    }


def measure(page: Page, env: environ.Env, options: argparse.Namespace) -> dict[str, Any]:
    page.goto(f"{env.str('PUBLIC_URL')}/@{options.channel}/")
    page.wait_for_function("document.querySelector('live-player')?.dataset.state")
    page.evaluate(READ, [CELLS, CELL_OF_WIDTH])
    url = f"{env.str('RTMP_URL')}/{options.key}"
    arguments = [sys.executable, "-m", "benchmarks.source", url, "--seconds", str(options.seconds), "--size", options.size]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as source:
        assert source.stdout
        started_ms = int(source.stdout.readline())
        if options.level:
            page.evaluate(FORCE, options.level)
        page.wait_for_timeout((options.seconds - 2) * 1000)
        seen = page.evaluate("window.seen")
        late, _ = source.communicate()
    return figures(seen, started_ms) | {"publisher": late.strip()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("channel")
    parser.add_argument("key")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--level", type=int, help="force the transcode of this height")
    options = parser.parse_args()
    env = environ.Env()
    env.read_env(Path(env.str("LIVESTREAM_ENV", "var/server/env")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        print(json.dumps(measure(browser.new_page(), env, options), indent=1))
        browser.close()


if __name__ == "__main__":
    main()
