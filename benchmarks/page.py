"""A channel's page in Chromium, and what the stamps in its pictures say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from benchmarks import stamp
from tests.e2e.streamer import Streamer

WATCH = """
([cells, widths]) => {
  const seen = (window.seen = { first: null, frames: [], waits: [], unreadable: 0 });
  const canvas = Object.assign(document.createElement("canvas"), { width: cells * 3, height: 3 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const watch = (video) => {
    video.addEventListener("waiting", () => video.seeking || seen.waits.push(Date.now()));
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
  };
  const look = () => {
    const video = document.querySelector("live-player video");
    if (video) watch(video);
    else requestAnimationFrame(look);
  };
  look();
}
"""

# How much further from the live edge than the player aims at.
OFF = """
async ({ video, details, distance }) => {
  const { reach } = await import("live/playhead");
  return 1000 * (reach(video, details) - distance.target);
}
"""
CHOOSE = "(rendition) => (document.querySelector('quality-menu').choice = rendition)"


@dataclass(frozen=True)
class Shown:
    """A frame: when it was shown and how old it was then (ms), the playback rate, and the picture's height."""

    at: float
    age: float
    rate: float
    height: int


@dataclass(frozen=True)
class Seen:
    origin: float  # when the page was asked for, Unix ms
    first: float | None  # when the first frame was shown
    frames: list[Shown]
    waits: list[float]  # when the picture stood still
    unreadable: int

    def between(self, from_ms: float, until_ms: float) -> list[Shown]:
        return [frame for frame in self.frames if from_ms <= frame.at < until_ms]


def open_page(page: Page, streamer: Streamer) -> None:
    """From the first moment on, what it shows is watched."""
    watch = f"({WATCH})({[stamp.CELLS, stamp.CELL_OF_WIDTH]})"
    page.add_init_script(f"document.addEventListener('DOMContentLoaded', () => {watch})")
    page.goto(streamer.page)
    page.wait_for_function("() => document.querySelector('live-player')?.dataset.state")


def choose(page: Page, rendition: str) -> None:
    """As a viewer who chose it for an earlier stream on this page."""
    page.evaluate(CHOOSE, rendition)


def off_target_ms(page: Page) -> float:
    return page.evaluate(f"({OFF})(document.querySelector('live-player'))")


def seen(page: Page) -> Seen:
    found: dict[str, Any] = page.evaluate("Object.assign({ origin: performance.timeOrigin }, window.seen)")
    frames = [Shown(*frame) for frame in found["frames"]]
    return Seen(found["origin"], found["first"], frames, found["waits"], found["unreadable"])
