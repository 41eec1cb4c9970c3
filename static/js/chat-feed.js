// What happens in a room, put into its log: each message when the viewer's picture has come to it.

import { Delay } from "live/chat-delay";
import { element } from "live/chat-dom";
import { Digest } from "live/chat-digest";
import { messageElement, spoken } from "live/chat-message";
import { pictureDate } from "live/chat-picture";
import { system } from "live/chat-words";

const PUMP_MS = 150;
const ANNOUNCE_MS = 3000;

export class Feed {
  #log;
  #channel;
  #announcer;
  #delay = new Delay();
  #digest = new Digest();
  #pumping = null;
  #announcing = null;
  #last = 0;
  // Asked of the page: SHOWN(message) may have a row for it already, GONE(test) hears what was taken back.
  shown = () => null;
  gone = () => {};
  you = null;
  isDelayed = true;

  constructor(log, announcer, channel) {
    this.#log = log;
    this.#announcer = announcer;
    this.#channel = channel;
  }

  take(item, isHistory = false) {
    if (item.n) this.#last = item.n;
    if (item.t === "msg") this.#message(item, isHistory);
    else if (item.t === "sys") this.#system(item, isHistory);
    else if (item.t === "del") this.#takeBack(({ n }) => item.of.includes(n));
    else if (item.t === "purge") this.#takeBack(({ by }) => by.id === item.user);
    else if (item.t === "clear") this.#takeBack(({ n }) => n < item.n);
  }

  // Another log has begun.
  begin() {
    this.#delay.drop(() => true);
    this.#log.clear();
  }

  // Words of the page itself, at the end of what is there. DOES: a button in them.
  note(words, does = null) {
    const row = element("li", { className: "chat-note", tabIndex: -1 }, element("span", {}, words), does);
    this.#log.add(row, this.#last + 0.5, true);
    this.#announce(words, true);
    return row;
  }

  #message(item, isHistory) {
    const isOwn = item.by.id === this.you?.id;
    if (this.isDelayed && !isOwn && this.#delay.hold(item, pictureDate(), performance.now())) {
      this.#pumping ??= setInterval(() => this.#pump(), PUMP_MS);
      return;
    }
    this.#show(item, isHistory);
  }

  #show(item, isHistory = false) {
    const isOwn = item.by.id === this.you?.id;
    const row = messageElement(item, this.#log.find(item.re)?.item, this.you);
    const before = isOwn ? this.shown(item) : null;
    if (before) this.#log.remove(before);
    this.#log.add(row, item.n, Boolean(before));
    if (!isHistory && !isOwn) this.#announce(spoken(item), row.classList.contains("chat-for-you"), item);
  }

  #system(item, isHistory) {
    const words = system(item, this.#channel);
    this.#log.add(element("li", { className: "chat-system", tabIndex: -1 }, words), item.n);
    if (!isHistory) this.#announce(words, false);
  }

  #takeBack(isGone) {
    this.#delay.drop(isGone);
    this.#log.takeBack(isGone);
    this.#digest.drop(isGone);
    this.#announcer.textContent = "";
    this.gone(isGone);
  }

  #pump() {
    const picture = this.isDelayed ? pictureDate() : null;
    for (const item of this.#delay.due(picture, performance.now())) this.#show(item);
    if (!this.#delay.isEmpty) return;
    clearInterval(this.#pumping);
    this.#pumping = null;
  }

  #announce(words, isUrgent, item = null) {
    this.#digest.add(words, isUrgent, item);
    this.#announcing ??= setTimeout(() => {
      this.#announcing = null;
      this.#announcer.textContent = this.#digest.take();
    }, ANNOUNCE_MS);
  }
}
