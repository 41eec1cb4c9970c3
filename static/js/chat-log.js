// <chat-log>: the messages, the newest at the bottom. It follows them until the reader scrolls up, and keeps the last 200.

import { element } from "live/chat-dom";
import { forgetQuotes } from "live/chat-message";
import { format, ngettext } from "live/i18n";

const KEPT = 200;
const NEAR_PX = 48; // so near the end is at the end

class ChatLog extends HTMLElement {
  #follows = true;
  #newer = 0;
  #isMoving = false;

  connectedCallback() {
    this.#box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#box.addEventListener("focusin", ({ target }) => this.#rove(target.closest("li")));
    this.#button.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#follows && this.#move()).observe(this.#box);
  }

  get rows() {
    return this.#list.children;
  }

  // ORDER: the number of the message, or what is between two of them; Infinity for what has none yet.
  add(row, order, isOwn = false) {
    row.order = order;
    let before = this.#list.lastElementChild;
    while (before && before.order > order) before = before.previousElementSibling;
    if (before) before.after(row);
    else this.#list.prepend(row);
    if (isOwn) this.#follows = true;
    if (!this.#follows) this.#count(1);
    while (this.rows.length > KEPT) this.#drop(this.rows[0]);
    this.#change();
  }

  find(n) {
    return [...this.rows].find(({ item }) => item?.n === n);
  }

  remove(row) {
    this.#drop(row);
    this.#change();
  }

  // What messages ISGONE takes back is gone from the answers to them, too.
  takeBack(isGone) {
    const gone = [...this.rows].filter(({ item }) => item && isGone(item));
    const numbers = new Set(gone.map(({ item }) => item.n));
    for (const row of gone) this.#drop(row);
    forgetQuotes(this.#list, (n) => numbers.has(n));
    this.#change();
  }

  clear() {
    this.#list.replaceChildren();
    this.#change();
  }

  toEnd() {
    this.#follows = true;
    this.#move();
  }

  // The newest message, for who comes by keyboard.
  focusLast() {
    this.#list.lastElementChild?.focus();
  }

  #drop(row) {
    if (row.contains(document.activeElement)) (row.nextElementSibling ?? row.previousElementSibling)?.focus();
    row.remove();
  }

  #change() {
    if (!this.#list.querySelector('li[tabindex="0"]')) this.#list.lastElementChild?.setAttribute("tabindex", "0");
    this.#empty.hidden = this.rows.length > 0;
    if (!this.#follows || this.#isMoving) return;
    this.#isMoving = true; // once for all that come together
    queueMicrotask(() => ((this.#isMoving = false), this.#move()));
  }

  #move() {
    if (!this.#follows) return;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#count(-this.#newer);
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (this.#follows) this.#count(-this.#newer);
  }

  #count(more) {
    this.#newer += more;
    this.#button.hidden = this.#newer === 0;
    const words = format(ngettext("{count} new message", "{count} new messages", this.#newer), { count: this.#newer });
    if (this.#newer) this.#button.replaceChildren(words, element("span", { "aria-hidden": "true" }, " ↓"));
  }

  #rove(row) {
    if (!row || row.tabIndex === 0) return;
    for (const other of this.#list.querySelectorAll('li[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
  }

  #onKey(event) {
    const row = event.target.closest("li");
    if (event.target !== row) return;
    const moves = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling, Home: this.rows[0], End: this.#list.lastElementChild };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]?.focus();
  }

  get #box() {
    return this.querySelector(".chat-scroll");
  }
  get #list() {
    return this.querySelector("ol");
  }
  get #button() {
    return this.querySelector(".chat-newer");
  }
  get #empty() {
    return this.querySelector(".chat-empty");
  }
}

customElements.define("chat-log", ChatLog);
