// <live-thumbnail><img></live-thumbnail>: a picture of what is on now, a new one every few seconds while somebody looks.

const UPDATE_MS = 10_000;

class LiveThumbnail extends HTMLElement {
  #timer = null;
  #isSeen = false;
  #watcher = new IntersectionObserver(([{ isIntersecting }]) => (this.#isSeen = isIntersecting));

  connectedCallback() {
    const image = this.querySelector("img");
    image.addEventListener("error", () => (image.hidden = true)); // there is none yet: what lies below shows
    image.addEventListener("load", () => (image.hidden = false));
    image.hidden = image.complete && !image.naturalWidth;
    this.address = image.getAttribute("src");
    this.#watcher.observe(this.parentElement);
    this.#timer = setInterval(() => this.#update(image), UPDATE_MS);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#watcher.disconnect();
  }

  // Loaded apart, so that the old picture stays until the new one is there.
  async #update(image) {
    if (document.hidden || !this.#isSeen) return;
    const next = new Image();
    next.src = `${this.address}?${Math.floor(Date.now() / UPDATE_MS)}`;
    try {
      await next.decode();
      image.src = next.src;
    } catch {
      // none this time
    }
  }
}

customElements.define("live-thumbnail", LiveThumbnail);
