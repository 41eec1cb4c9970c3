"""A browser that watches a channel: real Chromium, which decodes what it is sent."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import CDPSession, Locator, Page, expect

from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until

PICTURE_S = 20
ENDED_S = 10

# What a viewer would notice: that the player waits, that the picture stands still (s), and that its time leaps (s).
COUNT = """
() => {
  const player = document.querySelector("live-player");
  const { video } = player;
  let before = null;
  window.forget = () => {
    before = null;
    window.counted = { frames: 0, firstAt: null, stalls: 0, seeks: 0, still: 0, leap: 0, starts: 0, faults: [] };
  };
  window.forget();
  const count = (_, { mediaTime }) => {
    const { counted } = window;
    const now = Date.now() / 1000;
    counted.frames += 1;
    counted.firstAt ??= now;
    if (before) {
      counted.still = Math.max(counted.still, now - before.now);
      counted.leap = Math.max(counted.leap, mediaTime - before.mediaTime - 1.1 * (now - before.now));
    }
    before = { now, mediaTime };
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
  video.addEventListener("waiting", () => { if (before && !video.seeking) window.counted.stalls += 1; });
  video.addEventListener("seeking", () => (window.counted.seeks += 1));
  const fail = (...fault) => window.counted.faults.push([Date.now() / 1000, ...fault]);
  video.addEventListener("error", () => fail("error", true, video.error.message));
  let heard = null;
  const note = (_, { details, fatal, reason, error }) => fail(details, fatal, reason ?? error?.message);
  setInterval(() => {
    if (player.hls === heard) return;
    heard = player.hls;
    if (!heard) return;
    window.counted.starts += 1;
    heard.on("hlsError", note);
  }, 50);
}
"""
SEEN = """
async () => {
  const { latency } = await import("live/playhead");
  const { video, hls, details, distance } = document.querySelector("live-player");
  const levels = hls?.levels ?? [];
  return {
    ...window.counted,
    position: video.currentTime,
    height: video.videoHeight,
    sound: video.webkitAudioDecodedByteCount,
    levels: levels.map((level) => level.name),
    bitrates: levels.map((level) => level.bitrate),
    level: levels[hls?.currentLevel]?.name,
    target: distance?.target,
    behind: distance && details ? latency(video, details) - distance.target : null,
  };
}
"""


class Watcher:
    def __init__(self, page: Page) -> None:
        self.page = page
        self._requested: set[str] = set()
        self._session: CDPSession | None = None
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

    @property
    def is_dry(self) -> bool:
        """Nothing more has come that could be shown."""
        return bool(self.page.evaluate("() => document.querySelector('live-player').video.readyState < 3"))

    def forget(self) -> None:
        """Counts from 0 again; that this works says that the page was not loaded anew."""
        self.page.evaluate("window.forget()")

    def sees_the_end(self) -> None:
        expect(self.words).to_contain_text("has ended", timeout=ENDED_S * 1000)

    def watch(self, seconds: float = 1) -> None:
        """The picture moves, and its time goes on, for that long."""
        until(lambda: self.seen["frames"] > 0, PICTURE_S, lambda: (self.seen, self.words.text_content()))
        before = self.seen
        wanted = {"position": before["position"] + seconds, "frames": before["frames"] + 5 * seconds}
        until(lambda: all(self.seen[name] >= at for name, at in wanted.items()), PICTURE_S, lambda: (before, self.seen))

    def requested(self) -> set[str]:
        """Renditions of which media was fetched since the last choice. Events come in while the page is asked something."""
        self.page.evaluate("0")
        return self._requested

    def choose(self, quality: str) -> None:
        """ "auto", a rendition's name, or "audio"."""
        self._requested.clear()
        self.page.get_by_label("Quality").select_option(quality)

    def listen(self, seconds: float = 1) -> None:
        """The sound goes on for that long."""
        before = self.seen["position"]
        until(lambda: self.seen["position"] >= before + seconds, PICTURE_S, lambda: (before, self.seen))

    # its network

    @property
    def _devtools(self) -> CDPSession:
        if self._session is None:
            self._session = self.page.context.new_cdp_session(self.page)
            self._session.send("Network.enable")
        return self._session

    def network(self, bits_per_s: float | None = None, offline: bool = False) -> None:
        """As fast as that from now on; None: as fast as it is."""
        rate = -1 if bits_per_s is None else bits_per_s / 8
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": rate, "uploadThroughput": rate}
        self._devtools.send("Network.emulateNetworkConditions", conditions)
