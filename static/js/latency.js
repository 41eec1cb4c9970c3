// How far behind the live edge to play, and how fast. Pure: times, distances and buffers come in as arguments, in seconds.

const GAIN = 0.3; // of rate per second of distance,
const SETTLE_GAIN = 1; // and while the player settles
const SLOWEST = 0.94;
const FASTEST = 1.1; // more can be heard
const LEAST = 0.03; // what is off is put right soon: most of the time plays at 1
const OFF_S = 0.06; // further from the target than this is off,
const THERE_S = 0.015; // until it is nearer than this
const STARVED_S = 0.2; // with less than this buffered, the next late part is a stall
const LOW_S = 0.25; // with less than this and a round trip, the target is too near
const CALM = 0.85; // parts: with never less than this of late, it may be nearer
const CALMS = 0.02; // seconds per second: how soon a smaller buffer is forgotten
const SHRINK = 1 / 60; // parts per second, while nothing stalls
const GROW = 1 / 6; // parts per second, while the buffer is low
const FORGET_S = 300; // a stall is remembered for so long
const SETTLE_S = 2.5; // after the start; a single seek is allowed in this time,
const SEEK_BEYOND_S = 0.3; // where it is worth its while
const SEEK_S = 0.1; // that a seek takes
const LOST_S = 6; // further behind, catching up would take more than a minute of fast playing

// The one place that knows what the server's numbers mean: with parts of 0.35 s, a target from 0.56 to 2.1 s.
function bounds({ partTarget, partHoldBack }) {
  return { least: 1.6 * partTarget, start: 0.75 * partHoldBack, most: 2 * partHoldBack };
}

export class Distance {
  #part;
  #bounds;
  #trouble = 0; // stalls of late
  #lowest; // buffered, of late (s)
  #hasJumped = false;
  #isOff = false;
  stalls = 0;

  constructor(playlist) {
    this.#part = playlist.partTarget;
    this.#lowest = CALM * this.#part;
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
    const settles = playingFor < SETTLE_S;
    if (!settles) this.#adapt(seconds, latency, buffered - roundTrip); // until then the buffer is only being filled
    const jump = this.#jump(latency - this.target, buffered, settles);
    return { jump, rate: this.#rate(latency - jump - this.target, buffered - jump, settles) };
  }

  #adapt(seconds, latency, spare) {
    if (latency < this.target - OFF_S) return; // on its way there: a small buffer says nothing yet
    this.#lowest = Math.min(spare, this.#lowest + CALMS * seconds);
    this.#trouble = Math.max(this.#trouble - seconds / FORGET_S, 0);
    if (spare < LOW_S) this.#move(GROW * this.#part * seconds);
    else if (this.#lowest > CALM * this.#part) this.#move((-SHRINK / (1 + this.#trouble)) * this.#part * seconds);
  }

  #move(seconds) {
    const { least, most } = this.#bounds;
    this.target = Math.min(Math.max(this.target + seconds, least), most);
  }

  #jump(distance, buffered, settles) {
    if (distance > LOST_S) return distance;
    const jump = distance + SEEK_S;
    if (!settles || this.#hasJumped || distance < SEEK_BEYOND_S || buffered - jump < CALM * this.#part) return 0;
    this.#hasJumped = true;
    return jump;
  }

  #rate(distance, buffered, settles) {
    this.#isOff = Math.abs(distance) > (this.#isOff ? THERE_S : OFF_S);
    const change = Math.sign(distance) * Math.max((settles ? SETTLE_GAIN : GAIN) * Math.abs(distance), LEAST);
    const wanted = this.#isOff ? Math.min(Math.max(1 + change, SLOWEST), FASTEST) : 1;
    return buffered < STARVED_S ? Math.min(wanted, SLOWEST) : wanted;
  }
}
