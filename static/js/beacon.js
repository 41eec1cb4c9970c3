// Tells the site what the page's players do, every quarter of a minute while they play: that is how viewers are counted.

import { buffered, latency } from "live/playhead";

const EVERY_MS = 15_000;
const JITTER_MS = 3_000; // so that those who came at the same time do not stay together
const LOOK_MS = 1_000;
const MOST_MS = 90_000; // that one beacon may say were watched
const HEX = 16;

const viewer = [...crypto.getRandomValues(new Uint8Array(HEX / 2))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

class Beacon {
  #player;
  #broadcast = null;
  #watchedMs = 0;
  #stalls = 0; // that have been told
  #lookedAt = performance.now();
  #at = 0; // where the video was then, in seconds
  #dueAt = performance.now(); // the first one at once
  #isCounted = false;

  constructor(player) {
    this.#player = player;
    setInterval(() => this.#look(), LOOK_MS);
    addEventListener("pagehide", () => this.#isCounted && this.#tell({ leaves: true }));
  }

  #look() {
    const { video } = this.#player;
    const now = performance.now();
    const broadcast = this.#player.playlist?.match(/\/hls\/([a-z0-9]{16})\//)?.[1] ?? null;
    if (broadcast !== this.#broadcast) {
      [this.#broadcast, this.#watchedMs, this.#stalls, this.#dueAt, this.#isCounted] = [broadcast, 0, 0, now, false];
    }
    const moves = broadcast && !video.paused && video.currentTime !== this.#at;
    if (moves) this.#watchedMs += Math.min(now - this.#lookedAt, 60_000); // hidden pages look once a minute
    [this.#lookedAt, this.#at] = [now, video.currentTime];
    if (moves && now >= this.#dueAt) {
      this.#dueAt = now + EVERY_MS - Math.random() * JITTER_MS;
      this.#tell();
    }
  }

  async #tell(more = {}) {
    const { video, details, hls, distance } = this.#player;
    const stalls = distance?.stalls ?? 0;
    const told = {
      viewer,
      watched_ms: Math.min(Math.round(this.#watchedMs), MOST_MS),
      stalls: Math.min(Math.max(stalls - this.#stalls, 0), 100),
      rendition: hls?.levels[hls.currentLevel]?.url?.[0]?.match(/\/hls\/[^/]+\/([a-z0-9]+)\//)?.[1] ?? null,
      latency_ms: details ? whole(latency(video, details)) : null,
      buffer_ms: whole(buffered(video)),
      ...more,
    };
    this.#watchedMs = 0;
    [this.#stalls, this.#isCounted] = [stalls, true];
    try {
      const answer = await fetch(`/hls/${this.#broadcast}/beacon`, { method: "POST", body: JSON.stringify(told), keepalive: true });
      if (answer.ok) document.dispatchEvent(new CustomEvent("viewers", { detail: (await answer.json()).viewers }));
    } catch {
      this.#watchedMs += told.watched_ms; // the next one says it
      this.#stalls -= told.stalls;
    }
  }
}

function whole(seconds) {
  return Math.round(Math.min(Math.max(seconds, 0), 120) * 1000);
}

for (const player of document.querySelectorAll("live-player")) new Beacon(player);
