"""A browser that watches a channel: real Chromium, which decodes what it is sent."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until

PICTURE_S = 20

COUNT = """
() => {
  const player = document.querySelector("live-player");
  const { video } = player;
  window.forget = () => {
    window.seen = { frames: 0, firstAt: null, lastAt: null, longestS: 0, stalls: 0, starts: 0, faults: [] };
  };
  window.forget();
  const count = () => {
    const { seen } = window;
    const now = Date.now() / 1000;
    seen.frames += 1;
    seen.firstAt ??= now;
    seen.longestS = Math.max(seen.longestS, now - (seen.lastAt ?? now));
    seen.lastAt = now;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
  video.addEventListener("waiting", () => { if (window.seen.firstAt) window.seen.stalls += 1; });
  let heard = null;
  const note = (_, { details, fatal, reason, error }) =>
    window.seen.faults.push([Date.now() / 1000, details, fatal, reason ?? error?.message]);
  setInterval(() => {
    if (player.hls === heard) return;
    heard = player.hls;
    if (!heard) return;
    window.seen.starts += 1;
    heard.on("hlsError", note);
  }, 50);
}
"""
SEEN = """
() => {
  const { video, hls } = document.querySelector("live-player");
  const levels = hls?.levels.map((level) => level.name) ?? [];
  const sound = video.webkitAudioDecodedByteCount;
  return { ...window.seen, position: video.currentTime, height: video.videoHeight, sound, levels };
}
"""


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
        self.page.evaluate(COUNT)

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
        self.page.evaluate("window.forget()")

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
