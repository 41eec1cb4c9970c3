// <viewer-count channel="NAME" data-one="# viewer" data-many="# viewers">: how many watch now; hidden while nobody knows.

const EVERY_MS = 15_000;
const SOON_MS = 3_000; // everybody's page is opened by the same word that a stream begins: they do not ask in one moment

class ViewerCount extends HTMLElement {
  #leaving = null;

  connectedCallback() {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    document.addEventListener("viewers", ({ detail }) => this.#show(detail), { signal });
    const soon = setTimeout(() => this.#ask(), Math.random() * SOON_MS);
    const timer = setInterval(() => document.hidden || this.#ask(), EVERY_MS);
    signal.addEventListener("abort", () => (clearTimeout(soon), clearInterval(timer)));
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #ask() {
    try {
      const answer = await fetch(`/live/${this.getAttribute("channel")}/viewers`);
      this.#show(answer.ok ? (await answer.json()).viewers : null);
    } catch {
      this.#show(null);
    }
  }

  #show(count) {
    this.hidden = count === null;
    const words = (count === 1 ? this.dataset.one : this.dataset.many) ?? "#";
    this.textContent = count === null ? "" : words.replace("#", count.toLocaleString(document.documentElement.lang));
  }
}

customElements.define("viewer-count", ViewerCount);
