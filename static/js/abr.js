// Which quality hls.js loads: its own rules, bent for parts of a third of a second at the live edge.

import Hls from "hls.js";

const UP_AFTER_MS = 5000; // since the last change
const UP_SPARE_S = 0.15; // that is left in the buffer when the first part of a better level has come
const HOPELESS = 2; // a part that takes so many times its duration is given up
const FORGIVE_MS = 10_000; // after an error: the network is back, a rendition's encoder was replaced

// Half-lives count seconds of downloading, and a part is loaded in hundredths: with hls.js's 3 and 9 s, what was measured
// minutes ago would outweigh a network that has just become slow.
const FAST_S = 0.15;
const SLOW_S = 0.5;

export const ABR_CONFIG = {
  testBandwidth: false, // the test would wait for a whole segment
  abrEwmaFastLive: FAST_S,
  abrEwmaSlowLive: SLOW_S,
  abrEwmaFastVoD: FAST_S, // until the first playlist has been read
  abrEwmaSlowVoD: SLOW_S,
};

// Changes only between segments: only there does a level begin with a keyframe, and in the middle of one hls.js would load
// again from its beginning what is buffered already, which costs more time than there is.
export class SegmentAbr extends Hls.DefaultConfig.abrController {
  pinned = -1; // the level that the viewer has chosen
  #answer = -1;
  #last = {}; // the segment and part that was loaded last
  #changedAt = -Infinity;
  #failedAt = null;

  get nextAutoLevel() {
    const { loadLevel } = this.hls;
    const wanted = this.#wanted;
    this.#answer = wanted === loadLevel || this.#mayChange(loadLevel, wanted) ? wanted : loadLevel;
    return this.#answer;
  }

  // hls.js repeats each answer, and sets a level of its own when another one fails.
  set nextAutoLevel(level) {
    if (level !== this.#answer) super.nextAutoLevel = level;
  }

  get #wanted() {
    const chosen = this.hls.levels?.[this.pinned];
    return chosen && !chosen.loadError ? this.pinned : super.nextAutoLevel;
  }

  #mayChange(from, to) {
    const level = this.hls.levels?.[from];
    if (!level || level.loadError || level.fragmentError) return true;
    return this.#isBetweenSegments && (to < from || to === this.pinned || this.#mayRise(to));
  }

  get #isBetweenSegments() {
    const { segment, part } = this.#last;
    const details = segment && this.hls.levels[segment.level]?.details;
    if (!part || !details) return true;
    const isLast = !details.partList?.some(({ fragment, index }) => fragment.sn === segment.sn && index > part.index);
    return isLast && details.endSN >= segment.sn;
  }

  // A change costs the time for another playlist.
  #mayRise(to) {
    if (performance.now() - this.#changedAt < UP_AFTER_MS) return false;
    const { levels, latestLevelDetails, mainForwardBufferInfo } = this.hls;
    const bits = levels[to].bitrate * (latestLevelDetails?.partTarget ?? 0);
    const takes = (2 * this.bwEstimator.getEstimateTTFB()) / 1000 + bits / this.bwEstimator.getEstimate();
    return (mainForwardBufferInfo?.len ?? 0) > takes + UP_SPARE_S;
  }

  onLevelSwitching(event, data) {
    super.onLevelSwitching(event, data);
    this.#changedAt = performance.now();
  }

  onError(event, data) {
    super.onError(event, data);
    this.#failedAt = performance.now();
  }

  onFragLoaded(event, data) {
    super.onFragLoaded(event, data);
    const { frag: segment, part } = data;
    if (segment.type === "main" && segment.sn !== "initSegment") this.#last = { segment, part };
    if (this.#failedAt !== null && performance.now() - this.#failedAt > FORGIVE_MS) this.#forgive();
  }

  // hls.js would never again choose a level of which a part failed, not even if it was because there was no network.
  #forgive() {
    this.#failedAt = null;
    for (const level of this.hls.levels) level.loadError = level.fragmentError = 0;
  }

  // hls.js calls this often while a part is loading. Its own rule gives parts up that would have come in time.
  _abandonRulesCheck = () => {
    const { fragCurrent: segment, partCurrent: part, hls } = this;
    const isBest = hls.loadLevel === 0 || this.pinned >= 0;
    const isFirst = !this.#last.segment; // it is slow because the page is being set up
    if (!part || part.stats.loading.end || segment.level !== hls.loadLevel || isBest || isFirst) return;
    const takes = performance.now() - part.stats.loading.start;
    if (takes < HOPELESS * part.duration * 1000) return;
    this.bwEstimator.sample(takes, part.stats.loaded);
    hls.nextLoadLevel = 0;
  };
}

// Where a level begins that was changed to: after what is buffered, even if its own list does not reach so far yet. hls.js
// would take the last segment once more, and its first frame replaces everything that is buffered after it.
export class SegmentStream extends Hls.DefaultConfig.streamController {
  getFragmentAtPosition(bufferEnd, end, details) {
    const segment = super.getFragmentAtPosition(bufferEnd, end, details);
    if (!segment || !this.fragPrevious || this.fragPrevious.level === segment.level) return pastGaps(segment, details);
    return listed(details).find((candidate) => candidate.end > bufferEnd + details.partTarget / 2) ?? null;
  }
}

export class SoundStream extends Hls.DefaultConfig.audioStreamController {
  getFragmentAtPosition(bufferEnd, end, details) {
    return pastGaps(super.getFragmentAtPosition(bufferEnd, end, details), details);
  }
}

// A rendition that had not reached the last segment of a publisher's session lists a gap in its place. hls.js would ask for that
// one first, and then load no parts until a whole segment has come.
function pastGaps(segment, details) {
  if (!segment || !isGap(segment)) return segment;
  return listed(details).find((candidate) => candidate.sn > segment.sn && !isGap(candidate)) ?? null;
}

// Its `gap` is set for others, too, of which hls.js has more to load.
function isGap({ tagList }) {
  return tagList.some(([tag]) => tag === "GAP");
}

function listed({ fragments, fragmentHint }) {
  return fragmentHint ? [...fragments, fragmentHint] : fragments;
}
