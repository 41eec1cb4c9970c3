// <live-player channel="NAME">: shows what the channel is doing and plays it while it is live, without a reload.

import Hls from "hls.js";
import "media-chrome";
import { channelState } from "live/channel-state";
import { playbackRate, shouldSeek } from "live/latency";

const CONTROL_MS = 200;
const TARGET_S = 0.75; // behind the live edge
const FIRST_ESTIMATE = 3_000_000; // bit/s, until something has been measured
const RETRY_MS = 1000;
const RECOVER_AGAIN_MS = 5000; // a second fault of the media so soon after the first calls for a new start
const ENDED_S = 0.05; // once a stream is over and no more than this is left to play, it has been seen to its end

const WORDS = {
  offline: (name) => `${name} is offline. This page will start by itself when the stream does.`,
  starting: (name) => `${name} is starting…`,
  live: () => "",
  reconnecting: (name) => `${name} lost the connection and is coming back…`,
  ended: (name) => `The stream has ended. This page will start by itself when ${name} comes back.`,
  failed: (name) => `${name}'s stream could not be shown.`,
  refused: (name) => `${name}'s stream could not be shown.`,
};
const PLAYABLE = new Set(["starting", "live", "reconnecting"]);

const HLS_CONFIG = {
  lowLatencyMode: true,
  autoStartLoad: false, // see #onLevels
  liveSyncDuration: 0.3, // at the start there may be no more than one part
  liveMaxLatencyDuration: 12,
  liveSyncOnStallIncrease: 0,
  maxBufferLength: 8,
  backBufferLength: 10,
  testBandwidth: false, // the test would wait for a whole segment
  abrEwmaDefaultEstimate: FIRST_ESTIMATE,
  manifestLoadPolicy: loadPolicy(20_000),
  playlistLoadPolicy: loadPolicy(20_000),
};

function loadPolicy(ms) {
  const retry = { maxNumRetry: 4, retryDelayMs: 300, maxRetryDelayMs: 2000 };
  return { default: { maxTimeToFirstByteMs: ms, maxLoadTimeMs: ms, timeoutRetry: retry, errorRetry: retry } };
}

const MARKUP = `
  <media-controller class="live-player-frame" autohide="3">
    <video slot="media" playsinline></video>
    <media-control-bar>
      <media-play-button></media-play-button>
      <media-mute-button></media-mute-button>
      <media-volume-range></media-volume-range>
      <span class="live-player-badge" hidden>LIVE</span>
      <span class="live-player-space"></span>
      <label class="live-player-quality" hidden>
        <span class="visually-hidden">Quality</span>
        <select></select>
      </label>
      <media-pip-button></media-pip-button>
      <media-fullscreen-button></media-fullscreen-button>
    </media-control-bar>
  </media-controller>
  <p class="live-player-words" role="status"></p>
  <button type="button" class="live-player-unmute btn btn-light" hidden>Turn on sound</button>`;

class LivePlayer extends HTMLElement {
  #hls = null;
  #leaving = null;
  #state = { state: "offline" };
  #playingSince = null;
  #seeks = 0;
  #recoveredAt = -Infinity;

  connectedCallback() {
    this.innerHTML = MARKUP;
    this.video = this.querySelector("video");
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.video.addEventListener("playing", () => this.#onPlaying(), { signal });
    this.video.addEventListener("volumechange", () => (this.#unmuteButton.hidden ||= !this.video.muted), { signal });
    this.video.addEventListener("error", () => this.#hls ?? this.#retry(), { signal });
    this.#unmuteButton.addEventListener("click", () => this.#unmute(), { signal });
    this.#qualitySelect.addEventListener("change", () => this.#choose(), { signal });
    const timer = setInterval(() => this.#control(), CONTROL_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    this.#follow(signal);
  }

  disconnectedCallback() {
    this.#leaving.abort();
    this.#stop();
  }

  async #follow(signal) {
    for await (const state of channelState(this.getAttribute("channel"), signal)) {
      const isNew = state.id !== this.#state.id;
      this.#state = state;
      this.dataset.state = state.state;
      if (PLAYABLE.has(state.state)) {
        if (isNew || !this.#started) this.#start(state.playlist);
      } else if (!this.#started || isNew) {
        this.#stop();
      }
      this.#showWords();
    }
  }

  get #started() {
    return this.#hls !== null || this.video.hasAttribute("src");
  }

  #start(playlist) {
    this.#stop();
    if (!Hls.isSupported()) {
      this.video.src = playlist; // Safari on phones plays it by itself
      this.#play();
      return;
    }
    const hls = (this.#hls = new Hls({ ...HLS_CONFIG }));
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.#onLevels());
    hls.on(Hls.Events.ERROR, (_, error) => this.#onError(error));
    hls.loadSource(playlist);
    hls.attachMedia(this.video);
    this.#play();
  }

  #stop() {
    this.#hls?.destroy();
    this.#hls = null;
    this.#playingSince = null;
    this.#seeks = 0;
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load(); // without it the browser goes on loading
    }
    this.#badge.hidden = true;
    this.#quality.hidden = true;
  }

  async #play() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // a newer start took over
      this.video.muted = true; // browsers let a page begin to play only without sound
      this.#unmuteButton.hidden = false;
      this.video.play().catch(() => this.#showWords("Press play to watch."));
    }
  }

  #unmute() {
    this.video.muted = false;
    this.#unmuteButton.hidden = true;
  }

  #onPlaying() {
    this.#playingSince ??= performance.now();
    this.#badge.hidden = false;
    this.#showWords();
  }

  #onError(error) {
    if (!error.fatal) return;
    const hls = this.#hls;
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - this.#recoveredAt > RECOVER_AGAIN_MS) {
      this.#recoveredAt = performance.now();
      hls.recoverMediaError();
    } else {
      this.#retry();
    }
  }

  #retry() {
    const { playlist, state } = this.#state;
    const hls = this.#hls;
    if (PLAYABLE.has(state)) setTimeout(() => hls === this.#hls && this.#start(playlist), RETRY_MS);
  }

  // --- quality ---------------------------------------------------------------------------------------------------------

  #onLevels() {
    const { levels } = this.#hls;
    const affordable = levels.findLastIndex((level) => level.bitrate <= FIRST_ESTIMATE * 1.1);
    this.#hls.startLevel = Math.max(affordable, 0);
    // hls.js would begin a whole part before the edge: on a list with a single one, that is in the gap before it
    this.#hls.startLoad(this.#state.state === "starting" ? this.#state.first_part_s : -1);
    const names = levels.map((level) => `${Math.min(level.width, level.height)}p${level.name === "source" ? " (source)" : ""}`);
    const options = [["-1", "Auto"], ...names.map((name, index) => [String(index), name]).reverse()];
    this.#qualitySelect.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    this.#quality.hidden = levels.length < 2;
  }

  #choose() {
    this.#hls.nextLevel = Number(this.#qualitySelect.value);
  }

  // --- distance to the live edge ----------------------------------------------------------------------------------------

  #control() {
    const { video } = this;
    if (this.#over && this.#playingSince !== null && (video.ended || this.#buffered < ENDED_S)) {
      this.#stop();
      this.#showWords();
    }
    if (!this.#hls || video.paused || this.#playingSince === null || !this.#hls.latencyController) return;
    const { latency } = this.#hls;
    if (!Number.isFinite(latency) || this.#state.state !== "live") return;
    const playingFor = (performance.now() - this.#playingSince) / 1000;
    if (shouldSeek({ latency, target: TARGET_S, playingFor, seeks: this.#seeks })) {
      this.#seeks += 1;
      video.currentTime += latency - TARGET_S;
    }
    video.playbackRate = playbackRate({ latency, target: TARGET_S, buffered: this.#buffered });
  }

  get #buffered() {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= currentTime && currentTime < buffered.end(i)) return buffered.end(i) - currentTime;
    }
    return 0;
  }

  // --- words ------------------------------------------------------------------------------------------------------------

  #showWords(words) {
    const { state } = this.#state;
    const silent = this.#playingSince !== null && state !== "reconnecting";
    this.querySelector(".live-player-words").textContent = words ?? (silent ? "" : this.#describe(state));
  }

  get #over() {
    return !PLAYABLE.has(this.#state.state);
  }

  #describe(state) {
    const name = this.getAttribute("channel");
    const known = state === "live" && this.#playingSince === null ? "starting" : state;
    return (WORDS[known] ?? WORDS.offline)(name);
  }

  get #badge() {
    return this.querySelector(".live-player-badge");
  }
  get #quality() {
    return this.querySelector(".live-player-quality");
  }
  get #qualitySelect() {
    return this.querySelector("select");
  }
  get #unmuteButton() {
    return this.querySelector(".live-player-unmute");
  }

  // For tests and the page's own statistics.
  get hls() {
    return this.#hls;
  }
}

customElements.define("live-player", LivePlayer);
