// When to come back after a connection was lost: soon at first, then less and less often, and not all at the same time.

const FIRST_MS = 400;
const LONGEST_MS = 20_000;
const RESYNC_MS = 1000;
const FLOOD_MS = 10_000;

export class Retry {
  #failures = 0;
  #random;

  constructor(random = Math.random) {
    this.#random = random;
  }

  succeeded() {
    this.#failures = 0;
  }

  // GOODBYE is what the server said at last, if it did.
  after(goodbye) {
    const { t, reason, retry_ms: wait = 0 } = goodbye ?? {};
    if (t === "resync") return this.#random() * RESYNC_MS;
    if (t === "bye") return reason === "flood" ? Math.max(wait, FLOOD_MS) : wait;
    const most = Math.min(FIRST_MS * 2 ** this.#failures, LONGEST_MS);
    this.#failures += 1;
    return most * (0.5 + 0.5 * this.#random());
  }
}
