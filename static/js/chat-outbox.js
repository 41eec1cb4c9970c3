// What was asked of the server and has no answer yet.

const ANSWER_MS = 8000; // a connection that takes longer is dead
const KNOWN_MS = 55_000; // so long does the server know a message that comes again

export class Outbox {
  #waiting = new Map(); // nonce → { frame, at, sentAt }

  add(frame, now) {
    this.#waiting.set(frame.nonce, { frame, at: now, sentAt: null });
  }

  sent(nonce, now) {
    const entry = this.#waiting.get(nonce);
    if (entry) entry.sentAt = now;
  }

  // The frame that is answered by this; undefined where it was answered before.
  answered(nonce) {
    const frame = this.#waiting.get(nonce)?.frame;
    this.#waiting.delete(nonce);
    return frame;
  }

  isOverdue(now) {
    return [...this.#waiting.values()].some(({ sentAt }) => sentAt !== null && now - sentAt > ANSWER_MS);
  }

  // After a connection was lost: what to send once more, and what nobody can tell the fate of.
  resume(now) {
    const entries = [...this.#waiting.values()];
    const isSafe = ({ frame, at, sentAt }) => sentAt === null || (frame.t === "say" && now - at < KNOWN_MS);
    const lost = entries.filter((entry) => !isSafe(entry)).map(({ frame }) => frame);
    for (const { nonce } of lost) this.#waiting.delete(nonce);
    return { again: entries.filter(isSafe).map(({ frame }) => frame), lost };
  }
}
