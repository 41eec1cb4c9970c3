// Counts taps on the emoji, no faster than the server takes them, and tells other people's apart from one's own.

const BURST = 12;
const PER_S = 4;
const AT_ONCE = 10;
const ECHO_MS = 3000; // by then one's own have come back, or never will

export class Taps {
  #tokens = BURST;
  #at;
  #counts = new Map();
  #own = []; // { emoji, count, until }

  constructor(now) {
    this.#at = now;
  }

  // False where that is more than counts.
  tap(emoji, now) {
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#at) / 1000) * PER_S);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#counts.set(emoji, (this.#counts.get(emoji) ?? 0) + 1);
    return true;
  }

  // One frame's worth of them: { emoji, count }, or null.
  take(now) {
    const [emoji, most] = this.#counts.entries().next().value ?? [];
    if (emoji === undefined) return null;
    const count = Math.min(most, AT_ONCE);
    this.#counts.delete(emoji);
    if (most > count) this.#counts.set(emoji, most - count);
    this.#own.push({ emoji, count, until: now + ECHO_MS });
    return { emoji, count };
  }

  // What is left of merged counts without one's own, which were shown when they were tapped.
  others(counts, now) {
    this.#own = this.#own.filter(({ until }) => until > now);
    return Object.entries(counts).map(([emoji, count]) => [emoji, count - this.#recognise(emoji, count)]);
  }

  #recognise(emoji, most) {
    let found = 0;
    for (const own of this.#own.filter((one) => one.emoji === emoji)) {
      const part = Math.min(own.count, most - found);
      own.count -= part;
      found += part;
    }
    this.#own = this.#own.filter(({ count }) => count > 0);
    return found;
  }
}
