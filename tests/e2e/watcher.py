"""A browser that watches a channel: real Chromium, which decodes what it is sent."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PICTURE_S = 20

COUNT_FRAMES = """
() => {
  const video = document.querySelector("live-player video");
  const seen = (window.seen = { frames: 0, firstAt: null });
  const count = () => {
    seen.frames += 1;
    seen.firstAt ??= Date.now() / 1000;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
}
"""
SEEN = """
() => {
  const { video, hls } = document.querySelector("live-player");
  const levels = hls?.levels.map((level) => level.name) ?? [];
  return { ...window.seen, position: video.currentTime, height: video.videoHeight, levels };
}
"""
FORGET = "() => Object.assign(window.seen, { frames: 0, firstAt: null })"


class Watcher:
    def __init__(self, page: Page) -> None:
        self.page = page
        self._requested: set[str] = set()
        self.errors: list[str] = []
        page.on("request", lambda request: self._note(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, url: str) -> None:
        if found := re.search(r"/hls/\w+/(\w+)/[ps]\d", url):
            self._requested.add(found[1])

    def open(self, streamer: Streamer) -> None:
        self.page.goto(streamer.page)
        self.page.wait_for_function("() => document.querySelector('live-player video')")
        self.page.evaluate(COUNT_FRAMES)

    @property
    def words(self) -> Locator:
        return self.page.locator(".live-player-words")

    def says(self, text: str, within_s: float = 10) -> None:
        expect(self.words).to_have_text(text, timeout=within_s * 1000)

    @property
    def seen(self) -> dict[str, Any]:
        return self.page.evaluate(SEEN)

    def forget(self) -> None:
        """Counts from 0 again; that this works says that the page was not loaded anew."""
        self.page.evaluate(FORGET)

    def watch(self, seconds: float = 1) -> None:
        """The picture moves, and its time goes on, for that long."""
        until(lambda: self.seen["frames"] > 0, PICTURE_S, lambda: (self.seen, self.words.text_content()))
        before = self.seen
        until(lambda: self.seen["position"] >= before["position"] + seconds, PICTURE_S, lambda: (before, self.seen))
        assert self.seen["frames"] >= before["frames"] + 5 * seconds

    def requested(self) -> set[str]:
        """Renditions of which media was fetched since the last choice. Events come in while the page is asked something."""
        self.page.evaluate("0")
        return self._requested

    def choose(self, level: int) -> None:
        """A quality, by its number in the player."""
        self._requested.clear()
        self.page.locator("live-player select").select_option(str(level))
