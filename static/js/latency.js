// How fast to play so that the picture stays `target` seconds behind the live edge. Pure: times and buffers come in as arguments.

const GAIN = 0.3; // of rate per second of distance
const SLOWEST = -0.06;
const FASTEST = 0.12;
const STARVED_S = 0.2; // with less than this buffered, slow down whatever the distance
const STARVED_RATE = 0.94;
const DEAD_BAND_S = 0.03;
const SETTLE_S = 1.5; // a single seek is allowed in this time after the start
const SEEK_BEYOND_S = 0.4;
const LOST_S = 6; // further behind than this, catching up by rate takes too long

export function playbackRate({ latency, target, buffered }) {
  const distance = latency - target;
  const wanted = Math.abs(distance) < DEAD_BAND_S ? 0 : Math.min(Math.max(GAIN * distance, SLOWEST), FASTEST);
  const rate = 1 + wanted;
  return buffered < STARVED_S ? Math.min(rate, STARVED_RATE) : rate;
}

// Whether to jump to the target rather than to run after it.
export function shouldSeek({ latency, target, playingFor, seeks }) {
  if (latency - target > LOST_S) return true;
  return seeks === 0 && playingFor < SETTLE_S && latency - target > SEEK_BEYOND_S;
}
