// <live-button>: whether the picture is live, and how far behind it is; a click asks to close the distance.

import { _, format, ngettext } from "live/i18n";

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
    button.textContent = seconds ? `${_("LIVE")} −${seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`}` : _("LIVE");
    button.ariaLabel = isLive ? _("Live") : seconds ? inWords(seconds) : _("Go to live");
  }
}

function inWords(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes) return format(ngettext("Go to live, {count} minute behind", "Go to live, {count} minutes behind", minutes), { count: minutes });
  return format(ngettext("Go to live, {count} second behind", "Go to live, {count} seconds behind", seconds), { count: seconds });
}

customElements.define("live-button", LiveButton);
