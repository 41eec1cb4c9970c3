// A player on a clock of its own: a control step every 200 ms, parts that appear at the live edge, a network that goes away.

const STEP_S = 0.2;
const TICK_S = 0.02;
const ROUND_TRIP_S = 0.03;
const DELIVERY_S = 0.08; // from a part's end to its place in the buffer
const DRY_S = 0.1; // browsers stop with so much left,
const WET_S = 0.3; // and go on with so much
const SPEED = 0.99; // of a browser without a sound card
const SEEK_S = 0.1; // that a seek takes

// It begins with what is there up to `loaded`, and loads `loading` times as fast as it plays, once there is more to load.
export function simulate(Distance, options) {
  const { partTarget, partHoldBack, seconds, behind = partHoldBack, outages = [], loading = 8 } = options;
  const distance = new Distance({ partTarget, partHoldBack });
  const trace = [];
  let [now, listed, listedAt, loaded, position] = [0, 0, 0, options.loaded ?? 0, -behind];
  let [rate, isPlaying, seeks, seeking] = [1, true, 0, 0];

  const tick = () => {
    now += TICK_S;
    if (!outages.some(([from, to]) => from <= now && now < to)) receive();
    const buffered = loaded - position;
    if (isPlaying && buffered < DRY_S) {
      isPlaying = false;
      distance.stalled();
    } else if (buffered > WET_S) isPlaying = true;
    if (isPlaying && seeking <= 0) position += rate * SPEED * TICK_S;
    seeking -= TICK_S;
  };
  const receive = () => {
    const made = Math.floor(now / partTarget) * partTarget;
    if (made > listed) [listed, listedAt] = [made, now];
    if (now - listedAt >= DELIVERY_S || listed - loaded > 1.5 * partTarget) {
      loaded = Math.min(listed, Math.max(loaded, position) + loading * TICK_S);
    }
  };

  for (let step = 0; step * STEP_S < seconds; step += 1) {
    for (let i = 0; i < STEP_S / TICK_S; i += 1) tick();
    const latency = listed + Math.min(now - listedAt, partTarget) - position;
    const buffered = Math.max(loaded - position, 0);
    const answer = distance.step({ seconds: STEP_S, latency, buffered, roundTrip: ROUND_TRIP_S, playingFor: now });
    trace.push({ at: now, latency, buffered, target: distance.target, rate: answer.rate, stalls: distance.stalls, seeks });
    if (answer.jump) [position, seeks, seeking] = [position + answer.jump, seeks + 1, SEEK_S];
    rate = answer.rate;
  }
  return trace;
}
