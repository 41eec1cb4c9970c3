// How far behind the live edge to play, and how fast. Pure: times, distances and buffers come in as arguments, in seconds.

const GAIN = 0.3; // of rate per second of distance
const SLOWEST = 0.94;
const FASTEST = 1.1; // more can be heard
const LEAST = 0.03; // what is off is put right soon: most of the time plays at 1
const OFF_S = 0.06; // further from the target than this is off,
const THERE_S = 0.015; // until it is nearer than this
const STARVED_S = 0.2; // with less than this buffered, the next late part is a stall
const LOW_S = 0.25; // with less than this and a round trip, the target is too near
const SHRINK = 1 / 60; // parts per second, while nothing stalls
const GROW = 1 / 6; // parts per second, while the buffer is low
const FORGET_S = 300; // a stall is remembered for so long
const SETTLE_S = 1.5; // a single seek is allowed in this time after the start
const SEEK_BEYOND_S = 0.4;
const LOST_S = 6; // further behind, catching up would take more than a minute of fast playing

// The one place that knows what the server's numbers mean: with parts of 0.35 s, a target from 0.56 to 2.1 s.
function bounds({ partTarget, partHoldBack }) {
  return { least: 1.6 * partTarget, start: 0.75 * partHoldBack, most: 2 * partHoldBack };
}

export class Distance {
  #part;
  #bounds;
  #trouble = 0; // stalls of late
  #hasJumped = false;
  #isOff = false;
  stalls = 0;

  constructor(playlist) {
    this.#part = playlist.partTarget;
    this.#bounds = bounds(playlist);
    this.target = this.#bounds.start;
  }

  // The buffer ran dry: one part more, and the more often, the more slowly back.
  stalled() {
    this.stalls += 1;
    this.#trouble += 1;
    this.#move(this.#part);
  }

  // `latency` behind the edge, `buffered` ahead of the position, `playingFor` so long; `seconds` since the last step.
  // Says at which rate to play, and how far to jump first.
  step({ seconds, latency, buffered, roundTrip, playingFor }) {
    this.#adapt(seconds, latency, buffered - roundTrip);
    const jump = this.#jump(latency - this.target, playingFor);
    return { jump, rate: this.#rate(latency - jump - this.target, buffered) };
  }

  #adapt(seconds, latency, spare) {
    if (latency < this.target - OFF_S) return; // on its way there: a small buffer says nothing yet
    const parts = spare < LOW_S ? GROW : -SHRINK / (1 + this.#trouble);
    this.#trouble = Math.max(this.#trouble - seconds / FORGET_S, 0);
    this.#move(parts * this.#part * seconds);
  }

  #move(seconds) {
    const { least, most } = this.#bounds;
    this.target = Math.min(Math.max(this.target + seconds, least), most);
  }

  #jump(distance, playingFor) {
    const settles = !this.#hasJumped && playingFor < SETTLE_S && distance > SEEK_BEYOND_S;
    if (!settles && distance <= LOST_S) return 0;
    this.#hasJumped = true;
    return distance;
  }

  #rate(distance, buffered) {
    this.#isOff = Math.abs(distance) > (this.#isOff ? THERE_S : OFF_S);
    const change = Math.sign(distance) * Math.max(GAIN * Math.abs(distance), LEAST);
    const wanted = this.#isOff ? Math.min(Math.max(1 + change, SLOWEST), FASTEST) : 1;
    return buffered < STARVED_S ? Math.min(wanted, SLOWEST) : wanted;
  }
}
