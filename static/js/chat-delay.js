// Holds messages until the viewer's picture gets to where their authors' was.

const LONGEST_MS = 15_000;

export class Delay {
  #held = []; // { item, media, until }, in the order in which they came

  get isEmpty() {
    return this.#held.length === 0;
  }

  // PICTURE: the date of what is seen now (Unix ms), null where nothing plays. False: it is to be shown at once.
  hold(item, picture, now) {
    if (picture === null || item.media === undefined) return false;
    const media = Math.min(item.media, item.at); // nobody has seen what was not yet sent
    if (media <= picture) return false;
    this.#held.push({ item, media, until: now + LONGEST_MS });
    return true;
  }

  // Those whose time has come.
  due(picture, now) {
    const isDue = ({ media, until }) => picture === null || media <= picture || until <= now;
    const found = this.#held.filter(isDue);
    this.#held = this.#held.filter((held) => !isDue(held));
    return found.map(({ item }) => item);
  }

  drop(concerns) {
    this.#held = this.#held.filter(({ item }) => !concerns(item));
  }
}
