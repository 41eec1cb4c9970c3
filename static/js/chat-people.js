// Who has written here lately, by name.

const KEPT = 1000;
const WITHOUT_CHANNEL = /^user-(\d+)$/;
const CHANNEL = /^[a-z0-9_]{3,30}$/;

export class People {
  #ids = new Map();

  meet({ id, name }) {
    this.#ids.delete(name);
    this.#ids.set(name, id);
    if (this.#ids.size > KEPT) this.#ids.delete(this.#ids.keys().next().value);
  }

  // As `mod` frames name somebody; null where nobody can be called so.
  find(name) {
    const known = this.#ids.get(name) ?? name.replace(WITHOUT_CHANNEL, "u$1");
    return known !== name ? known : CHANNEL.test(name) ? `@${name}` : null;
  }
}
