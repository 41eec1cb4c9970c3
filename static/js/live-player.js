// <live-player channel="NAME">: shows what the channel is doing and plays it while it is live, without a reload.

import Hls from "hls.js";
import { channelState } from "live/channel-state";
import { HLS_CONFIG } from "live/hls-config";
import { _ } from "live/i18n";
import { Distance } from "live/latency";
import "live/live-button";
import { recall, remember } from "live/player-memory";
import { buffered, latency, newest, reach } from "live/playhead";
import "live/player-stats";
import { SOUND_ONLY } from "live/quality-menu";
import { inWords, isPlayable } from "live/state-words";

const CONTROL_MS = 200;
const BEHIND_S = 3; // further behind the target than this is not live
const FIRST_ESTIMATE = 3_000_000; // bit/s, until something has been measured
const RETRY_MS = 1000;
const RECOVER_AGAIN_MS = 5000; // a second fault of the media so soon after the first calls for a new start
const ENDED_S = 0.05; // once a stream is over and no more than this is left to play, it has been seen to its end

const THEATRE = "M3 6v12h18V6zm2 2h9v8H5z";
const STATISTICS = "M5 20v-7h3v7zm5.5 0V4h3v16zm5.5 0V9h3v11z";

// nohotkeys, novolumepref: live/player-keys and live/player-memory do that
const MARKUP = `
  <media-controller class="live-player-frame" autohide="3" nohotkeys novolumepref>
    <video slot="media" playsinline></video>
    <media-control-bar>
      <media-play-button></media-play-button>
      <media-mute-button></media-mute-button>
      <media-volume-range></media-volume-range>
      <live-button hidden></live-button>
      <span class="live-player-space"></span>
      <quality-menu hidden></quality-menu>
      ${button("stats", STATISTICS, _("Statistics"), _("Shift+S"), "aria-expanded")}
      ${button("theatre", THEATRE, _("Theatre mode"), "T", "aria-pressed")}
      <media-pip-button></media-pip-button>
      <media-fullscreen-button></media-fullscreen-button>
    </media-control-bar>
  </media-controller>
  <p class="live-player-sound" hidden>
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 10h2v4H3zm4-3h2v10H7zm4-4h2v18h-2zm4 5h2v8h-2zm4 2h2v4h-2z"/></svg>
    ${_("Audio only")}
  </p>
  <p class="live-player-words" role="status"></p>
  <player-stats hidden></player-stats>
  <button type="button" class="live-player-unmute btn btn-light" hidden>${_("Turn on sound")}</button>`;

function button(name, icon, words, key, state) {
  return `<button type="button" class="live-player-${name} live-player-button" title="${words} (${key})" aria-label="${words}" ${state}="false">
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="${icon}"/></svg></button>`;
}

class LivePlayer extends HTMLElement {
  #hls = null;
  #leaving = null;
  #state = { state: "offline" };
  #playingSince = null;
  #recoveredAt = -Infinity;
  #controls = null;
  #estimate = FIRST_ESTIMATE;
  #from = -1; // where to begin (s); -1: near the live edge
  #isAwaited = false; // the publisher, whose picture has run out
  distance = null; // to the live edge, as soon as there is one

  connectedCallback() {
    const still = this.querySelector(".player-still");
    this.innerHTML = MARKUP;
    if (still) this.insertBefore(still, this.querySelector(".live-player-words"));
    this.video = this.querySelector("video");
    this.#recallVolume();
    this.#controls = null;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.#listen(signal);
    const timer = setInterval(() => this.#control(), CONTROL_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    this.#follow(signal);
  }

  disconnectedCallback() {
    this.#leaving.abort();
    this.#stop();
  }

  #listen(signal) {
    const on = (target, type, does) => target.addEventListener(type, does, { signal });
    on(this.video, "playing", () => this.#onPlaying());
    on(this.video, "waiting", () => this.#onWaiting());
    on(this.video, "volumechange", () => this.#onVolume());
    on(this.video, "error", () => this.#hls ?? this.#retry());
    on(this.#unmuteButton, "click", () => this.#unmute());
    on(this.#liveButton, "click", () => this.#goLive());
    on(this.#quality, "change", () => this.#choose());
    on(this.#statsButton, "click", () => this.toggleStats());
    on(this.#stats, "toggle", () => (this.#statsButton.ariaExpanded = String(!this.#stats.hidden)));
    on(this.#theatreButton, "click", () => this.toggleTheatre());
  }

  async #follow(signal) {
    for await (const state of channelState(this.getAttribute("channel"), signal)) {
      const isNew = state.id !== this.#state.id;
      this.#state = state;
      this.dataset.state = state.state;
      this.#isAwaited ||= state.state === "reconnecting";
      if (isPlayable(state.state)) {
        if (isNew || !this.#started) this.#start();
      } else {
        if (!this.#started || isNew) this.#stop();
        this.#loadControls();
      }
      this.#showWords();
    }
  }

  // After the picture, which they would hold up.
  #loadControls() {
    const frame = this.querySelector("media-controller");
    const { signal } = this.#leaving;
    this.#controls ??= Promise.all([import("live/player-keys"), import("live/player-chrome")]).then(
      ([keys]) => {
        keys.listen(this, signal);
        frame.fullscreenElement = this; // with the words
      },
      () => (this.#controls = null), // no network: the next time
    );
  }

  // --- start and stop ---------------------------------------------------------------------------------------------------

  get #started() {
    return this.#hls !== null || this.video.hasAttribute("src");
  }

  #start() {
    this.#stop();
    const { playlist, state, first_part_s: first } = this.#state;
    this.removeAttribute("idle");
    // hls.js would begin some parts before the edge: on a list with fewer, that is in the gap before them
    this.#from = state === "starting" ? first : -1;
    if (Hls.isSupported()) {
      this.#load(playlist, () => this.#onLevels());
    } else {
      this.video.src = playlist; // Safari on phones plays it by itself
      this.#play();
    }
  }

  #load(url, onParsed) {
    const hls = (this.#hls = new Hls({ ...HLS_CONFIG, abrEwmaDefaultEstimate: this.#estimate }));
    // not before hls.js is through with it: what is done then may end this instance
    hls.on(Hls.Events.MANIFEST_PARSED, () => queueMicrotask(() => hls === this.#hls && onParsed()));
    hls.on(Hls.Events.BUFFER_APPENDED, () => this.#begin());
    hls.on(Hls.Events.ERROR, (_, error) => this.#onError(error));
    hls.loadSource(url);
    hls.attachMedia(this.video);
    this.#play();
  }

  #stop() {
    if (this.#hls && this.#soundWords.hidden) this.#estimate = this.#hls.bandwidthEstimate;
    this.#hls?.destroy();
    this.#hls = null;
    this.#playingSince = null;
    this.distance = null;
    this.toggleAttribute("idle", true);
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load(); // without it the browser goes on loading
    }
    this.#liveButton.hidden = true;
    this.#quality.hidden = true;
    this.#soundWords.hidden = true;
  }

  async #play() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // a newer start took over
      this.video.muted = true; // browsers let a page begin to play only without sound
      this.#unmuteButton.hidden = false;
      this.#loadControls();
      this.video.play().catch(() => this.#showWords(_("Press play to watch.")));
    }
  }

  #unmute() {
    this.video.muted = false;
    this.#unmuteButton.hidden = true;
  }

  #onPlaying() {
    this.#isAwaited &&= this.#state.state === "reconnecting";
    this.#playingSince ??= performance.now();
    this.#loadControls();
    this.#liveButton.hidden = false;
    this.#showWords();
  }

  #onError(error) {
    if (error.details === Hls.ErrorDetails.LEVEL_LOAD_ERROR && error.response?.code === 404) this.#drop(error.context.level);
    if (!error.fatal) return;
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - this.#recoveredAt > RECOVER_AGAIN_MS) {
      this.#recoveredAt = performance.now();
      this.#hls.recoverMediaError();
    } else {
      this.#retry();
    }
  }

  #retry() {
    const hls = this.#hls;
    if (!this.#isOver) setTimeout(() => hls === this.#hls && !this.#isOver && this.#start(), RETRY_MS);
  }

  // --- quality ----------------------------------------------------------------------------------------------------------

  #onLevels() {
    const hls = this.#hls;
    const { levels } = hls;
    this.#quality.offer(levels, hls.allAudioTracks.length > 0);
    if (this.#quality.choice === SOUND_ONLY) {
      this.#startSound();
      return;
    }
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => (this.#quality.playing = hls.levels[level]));
    this.#choose();
    const { pinned } = hls.abrController;
    const affordable = levels.findLastIndex((level) => level.bitrate <= this.#estimate * 1.1);
    hls.startLevel = pinned >= 0 ? pinned : Math.max(affordable, 0);
    this.#startLoad();
  }

  // The site no longer makes it. hls.js has turned to another level by now, and would lose that one, too, if the numbers of
  // levels changed before its playlist has come; the last one stays.
  #drop(index) {
    const hls = this.#hls;
    const gone = hls.levels[index];
    hls.once(Hls.Events.LEVEL_UPDATED, () => queueMicrotask(() => hls === this.#hls && this.#remove(gone)));
  }

  #remove(level) {
    const hls = this.#hls;
    hls.removeLevel(hls.levels.indexOf(level));
    this.#quality.offer(hls.levels, hls.allAudioTracks.length > 0);
    this.#choose();
  }

  // hls.js drops a master playlist's variants without a picture, so that their playlist is loaded itself.
  #startSound() {
    const { url } = this.#hls;
    this.#hls.destroy();
    this.#load(new URL("audio/playlist.m3u8", url).href, () => this.#startLoad());
    this.#soundWords.hidden = false;
  }

  #startLoad() {
    this.#hls.startLoad(this.#from);
  }

  // As soon as there is something to play: hls.js would first load all that there is of the segment.
  #begin() {
    const { video, details } = this;
    const { startPosition } = this.#hls;
    if (this.#playingSince !== null || video.currentTime >= startPosition || video.seeking || !details) return;
    if (buffered(video, startPosition) >= details.partTarget / 2) video.currentTime = startPosition;
  }

  #choose() {
    const { choice } = this.#quality;
    if ((choice === SOUND_ONLY) === this.#soundWords.hidden) this.#start();
    else this.#hls.abrController.pinned = this.#hls.levels.findIndex(({ name }) => name === choice);
  }

  // --- distance to the live edge ----------------------------------------------------------------------------------------

  #control() {
    const { video, details } = this;
    if (this.#isOver && this.#playingSince !== null && (video.ended || buffered(video) < ENDED_S)) {
      this.#stop();
      this.#showWords();
    } else if (details && this.#playingSince !== null) {
      this.distance ??= new Distance(details);
      const behind = latency(video, details) - this.distance.target;
      this.#liveButton.show({ isLive: !video.paused && behind < BEHIND_S, behind });
      if (this.#isAwaited && !video.paused) this.#goOn();
      if (this.#state.state === "live" && !video.paused && !video.seeking) this.#keepDistance();
    }
  }

  // As soon as a part of the publisher's newest session is listed: a browser that has run dry would wait for two seconds of it;
  // after a seek it does not. hls.js may have sought a little further already, in vain.
  #goOn() {
    const { video, details } = this;
    const to = newest(details);
    if (video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA || to < video.currentTime - details.partTarget) return;
    this.#isAwaited = false;
    video.currentTime = to;
  }

  #keepDistance() {
    const { video } = this;
    const { jump, rate } = this.distance.step({
      seconds: CONTROL_MS / 1000,
      latency: reach(video, this.details),
      buffered: buffered(video),
      roundTrip: this.#hls.ttfbEstimate / 1000,
      playingFor: (performance.now() - this.#playingSince) / 1000,
    });
    if (jump) video.currentTime += jump;
    video.playbackRate = rate;
  }

  #onWaiting() {
    if (!this.video.seeking && this.#state.state === "live") this.distance?.stalled();
  }

  #goLive() {
    if (this.#liveButton.isLive) return;
    this.video.currentTime += Math.max(reach(this.video, this.details) - this.distance.target, 0);
    this.#play();
  }

  // --- what the viewer sets -----------------------------------------------------------------------------------------------

  #recallVolume() {
    const { volume, muted } = recall();
    if (volume >= 0 && volume <= 1) this.video.volume = volume;
    this.video.muted = muted === true;
  }

  #onVolume() {
    const { volume, muted } = this.video;
    this.#unmuteButton.hidden ||= !muted;
    if (this.#unmuteButton.hidden) remember({ volume, muted }); // else the browser muted it
  }

  togglePause() {
    if (this.video.paused) this.#play();
    else this.video.pause();
  }

  toggleStats(open) {
    this.#stats.toggle(open);
  }

  toggleTheatre() {
    if (this.hasAttribute("embedded")) return;
    this.#theatreButton.ariaPressed = String(this.toggleAttribute("theatre"));
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.requestFullscreen) this.requestFullscreen().catch(() => {});
    else this.video.webkitEnterFullscreen?.(); // phones of Apple
  }

  togglePictureInPicture() {
    if (document.pictureInPictureElement) document.exitPictureInPicture();
    else this.video.requestPictureInPicture?.().catch(() => {}); // there is no picture yet
  }

  // --- words ----------------------------------------------------------------------------------------------------------------

  #showWords(words) {
    const { state } = this.#state;
    const silent = this.#playingSince !== null && state !== "reconnecting";
    this.querySelector(".live-player-words").textContent = words ?? (silent ? "" : this.#describe(state));
  }

  get #isOver() {
    return !isPlayable(this.#state.state);
  }

  #describe(state) {
    const known = state === "live" && this.#playingSince === null ? "starting" : state;
    return inWords(known, this.getAttribute("channel"));
  }

  get #liveButton() {
    return this.querySelector("live-button");
  }
  get #quality() {
    return this.querySelector("quality-menu");
  }
  get #stats() {
    return this.querySelector("player-stats");
  }
  get #statsButton() {
    return this.querySelector(".live-player-stats");
  }
  get #theatreButton() {
    return this.querySelector(".live-player-theatre");
  }
  get #soundWords() {
    return this.querySelector(".live-player-sound");
  }
  get #unmuteButton() {
    return this.querySelector(".live-player-unmute");
  }

  // Of the broadcast that is played; nothing while none is.
  get playlist() {
    return this.#started ? this.#state.playlist : undefined;
  }

  get hls() {
    return this.#hls;
  }
  get details() {
    return this.#hls?.latestLevelDetails;
  }
}

customElements.define("live-player", LivePlayer);
