// <player-stats>: what a player does, in figures, once a second while it is open.

import { _, format, ngettext } from "live/i18n";
import { buffered, latency } from "live/playhead";

const UPDATE_MS = 1000;

const seconds = (value) => `${value.toFixed(2)} s`;
const megabits = (value) => `${(value / 1e6).toFixed(2)} Mbit/s`;

// [name, what it says of a player]; nothing where there is nothing to say.
const ROWS = [
  [_("Behind live"), ({ video, details, distance }) => distance && format(_("{now}, target {target}"), { now: seconds(latency(video, details)), target: seconds(distance.target) })],
  [_("Buffer"), ({ video }) => seconds(buffered(video))],
  [_("Picture"), ({ video, fps }) => video.videoWidth && `${video.videoWidth}×${video.videoHeight}${fps}`],
  [_("Bitrate"), ({ level }) => level?.bitrate && megabits(level.bitrate)],
  [_("Dropped frames"), ({ frames }) => format(_("{count} of {all}"), { count: frames.droppedVideoFrames, all: frames.totalVideoFrames })],
  [_("Bandwidth"), ({ hls }) => hls && megabits(hls.bandwidthEstimate)],
  [_("Playback rate"), ({ video }) => `${video.playbackRate.toFixed(2)}×`],
  [_("Stalls"), ({ distance }) => distance && String(distance.stalls)],
];

class PlayerStats extends HTMLElement {
  #timer = null;
  #before = null; // how many frames there were, and when

  connectedCallback() {
    this.hidden = true;
    this.innerHTML = `<dl></dl><button type="button" class="btn-close" aria-label="${_("Close the statistics")}"></button>`;
    this.querySelector("button").addEventListener("click", () => this.toggle(false));
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  toggle(open = this.hidden) {
    if (open === !this.hidden) return;
    clearInterval(this.#timer);
    this.hidden = !open;
    this.#before = null;
    if (open) {
      this.#timer = setInterval(() => this.#update(), UPDATE_MS);
      this.#update();
    }
    this.dispatchEvent(new Event("toggle"));
  }

  #update() {
    const { video, hls, details, distance } = this.closest("live-player");
    const frames = video.getVideoPlaybackQuality();
    const level = hls?.levels[hls.currentLevel];
    const figures = { video, hls, details, distance, frames, level, fps: this.#fps(frames.totalVideoFrames) };
    this.querySelector("dl").replaceChildren(...ROWS.map(([name, says]) => row(name, says(figures) || "–")));
  }

  #fps(frames) {
    const now = performance.now();
    const before = this.#before;
    this.#before = { frames, now };
    const count = before && Math.round((1000 * (frames - before.frames)) / (now - before.now));
    return before ? `, ${format(ngettext("{count} frame/s", "{count} frames/s", count), { count })}` : "";
  }
}

function row(name, text) {
  const pair = document.createElement("div");
  const [term, value] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  value.textContent = text;
  pair.append(term, value);
  return pair;
}

customElements.define("player-stats", PlayerStats);
