// <local-time><time datetime="…">… UTC</time></local-time>: the same moment on the reader's own clock; short: without the day
// where it is today; seconds: a time that is near, to the second.

import { language } from "live/i18n";

const FORMAT = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const SECONDS = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const SHORT = new Intl.DateTimeFormat(language, { timeStyle: "short" });

class LocalTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    time.title = time.textContent;
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    const format = this.hasAttribute("seconds") ? SECONDS : this.hasAttribute("short") && isToday ? SHORT : FORMAT;
    time.textContent = format.format(at);
  }
}

customElements.define("local-time", LocalTime);
