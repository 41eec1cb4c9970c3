// <live-wall data-url="…">: the front page's picture of what is live, renewed every ten seconds while somebody looks.

const EVERY_MS = 10_000;

class LiveWall extends HTMLElement {
  #timer;

  connectedCallback() {
    this.addEventListener("error", (event) => this.#hide(event.target), true); // no picture yet
    for (const picture of this.querySelectorAll("img")) {
      if (picture.complete && !picture.naturalWidth) this.#hide(picture);
    }
    this.#timer = setInterval(() => this.#renew(), EVERY_MS);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  #hide(picture) {
    picture.hidden = true;
  }

  async #renew() {
    if (document.hidden || this.contains(document.activeElement)) return; // nobody loses the link under their finger
    try {
      const answer = await fetch(this.dataset.url, { headers: { "X-Requested-With": "fetch" } });
      if (answer.ok && !answer.redirected && !this.contains(document.activeElement)) this.innerHTML = await answer.text();
    } catch {
      // the network is away: what is shown stays, and the next turn tries again
    }
  }
}

customElements.define("live-wall", LiveWall);
