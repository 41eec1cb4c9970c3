// What a channel is doing, told by the server when it changes: each request is answered with the next change, or after some
// seconds with none.

const RETRY_MS = 2000;
const UNCHANGED_MS = 700;

export async function* channelState(name, signal) {
  let n = "";
  while (!signal.aborted) {
    const state = await ask(name, n, signal);
    if (state === null) {
      await pause(RETRY_MS * (0.5 + Math.random()), signal);
    } else if (state.n === n) {
      await pause(UNCHANGED_MS * (0.5 + Math.random()), signal); // the edge may still hold this answer
    } else {
      n = state.n;
      yield state;
    }
  }
}

async function ask(name, n, signal) {
  try {
    const query = n === "" ? "" : `?after=${n}`;
    const response = await fetch(`/live/${name}/state${query}`, { signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // no network: ask again
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
