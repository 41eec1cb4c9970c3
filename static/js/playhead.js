// Where a video stands in a live stream, in seconds. `details` is hls.js's account of a playlist.

export function buffered({ buffered: ranges, currentTime }, at = currentTime) {
  for (let i = 0; i < ranges.length; i += 1) {
    if (ranges.start(i) <= at && at < ranges.end(i)) return ranges.end(i) - at;
  }
  return 0;
}

// The playlist's end has moved on since it was loaded, by all the time that has passed.
export function latency({ currentTime }, details) {
  return details.edge + details.age - currentTime;
}

// To what can be loaded by now: a list that nothing was added to for longer than a part has not moved on.
export function reach({ currentTime }, details) {
  return details.edge + Math.min(details.age, details.partTarget) - currentTime;
}

// Where the newest session of the publisher begins. Its first segment is open: hls.js keeps that one apart.
export function newest({ fragments, fragmentHint }) {
  const last = fragmentHint ?? fragments.at(-1);
  return (fragments.find(({ cc }) => cc === last.cc) ?? last).start;
}
