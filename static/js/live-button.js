// <live-button>: whether the picture is live, and how far behind it is; a click asks to close the distance.

class LiveButton extends HTMLElement {
  isLive = null;
  #seconds = null;

  connectedCallback() {
    this.innerHTML = '<button type="button"></button>';
    this.show({ isLive: true, behind: 0 });
  }

  show({ isLive, behind }) {
    const seconds = isLive ? 0 : Math.max(Math.round(behind), 0);
    if (isLive === this.isLive && seconds === this.#seconds) return;
    [this.isLive, this.#seconds] = [isLive, seconds];
    this.toggleAttribute("behind", !isLive);
    const button = this.firstElementChild;
    button.textContent = seconds ? `LIVE −${seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`}` : "LIVE";
    button.ariaLabel = isLive ? "Live" : seconds ? `Go to live, ${inWords(seconds)} behind` : "Go to live";
  }
}

function inWords(seconds) {
  const [count, unit] = seconds < 60 ? [seconds, "second"] : [Math.floor(seconds / 60), "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

customElements.define("live-button", LiveButton);
