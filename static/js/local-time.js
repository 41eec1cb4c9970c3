// <local-time><time datetime="…">… UTC</time></local-time>: the same moment on the reader's own clock; short: without the day
// where it is today.

import { language } from "live/i18n";

const FORMAT = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const SHORT = new Intl.DateTimeFormat(language, { timeStyle: "short" });

class LocalTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    time.title = time.textContent;
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = (this.hasAttribute("short") && isToday ? SHORT : FORMAT).format(at);
  }
}

customElements.define("local-time", LocalTime);
