// Where in a room's log a client stands: what it has seen is dropped when it comes again.

export class Sequence {
  #epoch = null;
  #last = 0;

  // What `hello` says: nothing, the first time.
  get known() {
    return this.#epoch === null ? {} : { epoch: this.#epoch, last: this.#last };
  }

  get last() {
    return this.#last;
  }

  // The items of a welcome that are new; all of them where another log has begun.
  begin({ epoch, last, reset, items }) {
    if (reset || epoch !== this.#epoch) this.#last = 0;
    this.#epoch = epoch;
    const fresh = items.filter((item) => this.isNew(item));
    this.#last = Math.max(this.#last, last);
    return fresh;
  }

  isNew(item) {
    if (!("n" in item)) return true;
    if (item.n <= this.#last) return false;
    this.#last = item.n;
    return true;
  }
}
