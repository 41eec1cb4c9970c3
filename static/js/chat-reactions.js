// <chat-reactions>: the room's emoji, to tap. Everybody's rise over the picture; who wants less motion sees them counted.

import { button, element } from "live/chat-dom";
import { float, isCalm } from "live/chat-float";
import { Taps } from "live/chat-taps";
import { _, format } from "live/i18n";

const SEND_MS = 260; // at most four times a second
const SHOWN_MS = 4000;

class ChatReactions extends HTMLElement {
  #taps = new Taps(performance.now());
  #sending = null;
  #shown = new Map(); // emoji → { count, timer }
  // SEND({ emoji, count }) takes them to the server.
  send = () => {};

  offer(emoji) {
    if (emoji.join() === [...this.#buttons].map(({ value }) => value).join()) return;
    const make = (one) =>
      button(element("span", { "aria-hidden": "true" }, one), () => this.#tap(one), { value: one, ariaLabel: format(_("React with {emoji}"), { emoji: one }) });
    this.replaceChildren(...emoji.map((one) => element("span", {}, make(one), element("output", { "aria-hidden": "true" }))));
    this.hidden = emoji.length === 0;
  }

  // What all have tapped since the last time.
  hear(counts) {
    for (const [emoji, count] of this.#taps.others(counts, performance.now())) if (count > 0) this.#show(emoji, count);
  }

  disconnectedCallback() {
    clearTimeout(this.#sending);
  }

  #tap(emoji) {
    if (!this.#taps.tap(emoji, performance.now())) return;
    this.#show(emoji, 1);
    this.#sending ??= setTimeout(() => this.#flush(), SEND_MS);
  }

  #flush() {
    const taken = this.#taps.take(performance.now());
    this.#sending = taken && setTimeout(() => this.#flush(), SEND_MS);
    if (taken) this.send(taken);
  }

  #show(emoji, count) {
    if (isCalm()) this.#count(emoji, count);
    else float(emoji, count);
  }

  #count(emoji, more) {
    const output = [...this.#buttons].find(({ value }) => value === emoji)?.nextElementSibling;
    if (!output) return;
    const before = this.#shown.get(emoji);
    clearTimeout(before?.timer);
    const count = (before?.count ?? 0) + more;
    output.textContent = `+${count}`;
    const timer = setTimeout(() => (this.#shown.delete(emoji), (output.textContent = "")), SHOWN_MS);
    this.#shown.set(emoji, { count, timer });
  }

  get #buttons() {
    return this.querySelectorAll("button");
  }
}

customElements.define("chat-reactions", ChatReactions);
