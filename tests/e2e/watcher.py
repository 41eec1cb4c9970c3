"""A browser that watches a channel: real Chromium, which decodes what it is sent."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import CDPSession, Locator, Page, expect

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
  video.addEventListener("waiting", () => { if (window.seen.firstAt && !video.seeking) window.seen.stalls += 1; });
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
  const { video, hls, details, distance } = document.querySelector("live-player");
  const levels = hls?.levels ?? [];
  return {
    ...window.seen,
    position: video.currentTime,
    height: video.videoHeight,
    sound: video.webkitAudioDecodedByteCount,
    levels: levels.map((level) => level.name),
    bitrates: levels.map((level) => level.bitrate),
    level: levels[hls?.currentLevel]?.name,
    target: distance?.target,
    behind: distance && details ? details.edge + details.age - video.currentTime - distance.target : null,
  };
}
"""

# What a viewer would notice: that the player waits, that the picture stands still, and that its time leaps.
NOTICE = """
() => {
  const video = document.querySelector("live-player video");
  const noticed = (window.noticed = { stalls: 0, seeks: 0, still: 0, leap: 0 });
  window.noticing?.abort();
  const { signal } = (window.noticing = new AbortController());
  video.addEventListener("waiting", () => (noticed.stalls += video.seeking ? 0 : 1), { signal });
  video.addEventListener("seeking", () => (noticed.seeks += 1), { signal });
  let before = null;
  const compare = (now, { mediaTime }) => {
    if (signal.aborted) return;
    if (before) {
      const passed = (now - before.now) / 1000;
      noticed.still = Math.max(noticed.still, passed);
      noticed.leap = Math.max(noticed.leap, mediaTime - before.mediaTime - 1.1 * passed);
    }
    before = { now, mediaTime };
    video.requestVideoFrameCallback(compare);
  };
  video.requestVideoFrameCallback(compare);
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

    def forget(self) -> None:
        """Counts from 0 again; that this works says that the page was not loaded anew."""
        self.page.evaluate("window.forget()")

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

    def notice(self) -> None:
        """From now on."""
        self.page.evaluate(NOTICE)

    @property
    def noticed(self) -> dict[str, Any]:
        """Stalls, seeks, and for how many seconds the picture stood still, and by how many its time leapt, at most."""
        return self.page.evaluate("window.noticed")

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
