// <chat-compose>: where a message is written. It asks for "say" events' text to be sent, counts, and waits out slow mode.

import { hints } from "live/chat-commands";
import { element } from "live/chat-dom";
import { duration } from "live/chat-words";
import { _, format } from "live/i18n";

const LONGEST = 500;
const COUNTED = 400; // from here on it says how many are left
const TICK_MS = 250;
const SHOWN_HINTS = 4;

class ChatCompose extends HTMLElement {
  #until = 0;
  #ticking = null;
  #answers = null; // the message that is replied to
  #isDisabled = true;
  #ending = null; // of what keeps one from writing
  #emoji = null;
  isModerator = false;

  connectedCallback() {
    this.#text.addEventListener("input", () => this.#show());
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
    this.querySelector("form").addEventListener("submit", (event) => (event.preventDefault(), this.#send()));
    this.querySelector(".chat-answers button").addEventListener("click", () => this.answer(null));
    this.#emojiButton.addEventListener("click", () => this.#openEmoji());
  }

  disconnectedCallback() {
    clearInterval(this.#ticking);
    clearTimeout(this.#ending);
  }

  // Writes an answer to that item of the log; null: to none.
  answer(item) {
    this.#answers = item;
    this.querySelector(".chat-answers").hidden = item === null;
    this.querySelector(".chat-answers span").textContent = item ? format(_("Reply to {name}: {text}"), { name: item.by.name, text: item.text }) : "";
    this.#text.focus();
  }

  // If that was it.
  forget(isGone) {
    if (this.#answers && isGone(this.#answers)) this.answer(null);
  }

  // Nothing more for so long. The text may be written meanwhile.
  wait(ms) {
    this.#until = performance.now() + ms;
    clearInterval(this.#ticking);
    this.#ticking = setInterval(() => this.#show(), TICK_MS);
    this.#show();
  }

  set disabled(isDisabled) {
    this.#isDisabled = isDisabled;
    this.#enable();
  }

  get isOut() {
    return this.#out.textContent !== "";
  }

  // WORDS say why nothing can be written for so long (undefined: for good); null: it can. OVER() is called when it can again.
  keepOut(words, ms, over) {
    clearTimeout(this.#ending);
    this.#out.textContent = words ?? "";
    this.#enable();
    if (words && ms > 0) this.#ending = setTimeout(() => (this.keepOut(null), over()), ms);
  }

  #enable() {
    this.#text.disabled = this.#emojiButton.disabled = this.#isDisabled || this.isOut;
    this.#show();
  }

  async #openEmoji() {
    await import("live/chat-emoji");
    if (!this.#emoji) {
      this.#emoji = this.appendChild(element("chat-emoji", { choose: (emoji) => this.#insert(emoji) }));
      this.#emoji.addEventListener("toggle", ({ newState }) => (this.#emojiButton.ariaExpanded = String(newState === "open")));
    }
    this.#emoji.show(this.#emojiButton.getBoundingClientRect());
  }

  #insert(emoji) {
    this.#text.setRangeText(emoji, this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#show();
  }

  focusText() {
    this.#text.focus();
  }

  #onKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault(); // a message is one line
      this.#send();
    } else if (event.key === "Escape" && this.#answers) {
      this.answer(null);
    }
  }

  #send() {
    const text = this.#text.value.trim();
    const isCommand = text.startsWith("/");
    if (!text || this.#text.disabled || (length(text) > LONGEST && !isCommand) || (this.#left > 0 && !isCommand)) return;
    const re = this.#answers?.n;
    const detail = { text, re, refuse: (words) => this.#say(words) };
    this.#say("");
    if (!this.dispatchEvent(new CustomEvent("say", { detail, bubbles: true, cancelable: true }))) return; // not understood: as it was
    this.#text.value = "";
    if (re !== undefined) this.answer(null);
    this.#show();
  }

  #say(words) {
    this.querySelector(".chat-refused").textContent = words;
  }

  get #left() {
    return Math.max(0, this.#until - performance.now());
  }

  #show() {
    const left = this.#left;
    if (left === 0) clearInterval(this.#ticking);
    const count = length(this.#text.value.trim());
    const counter = this.querySelector(".chat-counter");
    counter.textContent = count > COUNTED ? String(LONGEST - count) : "";
    counter.classList.toggle("chat-over", count > LONGEST);
    const send = this.querySelector("[type=submit]");
    send.textContent = left ? duration(left) : _("Send");
    send.ariaLabel = left ? format(_("You can write again in {wait}"), { wait: duration(left) }) : _("Send");
    send.disabled = this.#text.disabled || left > 0 || count === 0 || count > LONGEST;
    this.#hint();
  }

  #hint() {
    const found = this.isModerator ? hints(this.#text.value).slice(0, SHOWN_HINTS) : [];
    const rows = found.map(({ usage, does }) => element("li", {}, element("code", {}, usage), ` ${does}`));
    this.querySelector(".chat-hints").replaceChildren(...rows);
  }

  get #emojiButton() {
    return this.querySelector(".chat-emoji-open");
  }
  get #out() {
    return this.querySelector(".chat-out");
  }
  get #text() {
    return this.querySelector("textarea");
  }
}

// As the server counts: code points.
function length(text) {
  return [...text.normalize("NFC")].length;
}

customElements.define("chat-compose", ChatCompose);
