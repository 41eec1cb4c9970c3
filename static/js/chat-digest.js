// What a screen reader is told of the chat: every message while it is slow, a summary when it is not.

import { format, ngettext } from "live/i18n";

const ALOUD = 2;

export class Digest {
  #news = []; // { words, isUrgent, item }

  // WORDS, of a message ITEM perhaps; URGENT: they are for the reader.
  add(words, isUrgent = false, item = null) {
    this.#news.push({ words, isUrgent, item });
  }

  drop(concerns) {
    this.#news = this.#news.filter(({ item }) => !item || !concerns(item));
  }

  // The words since the last time; empty where there were none.
  take() {
    const said = (wanted) => this.#news.filter(({ isUrgent }) => isUrgent === wanted).map(({ words }) => words);
    const [urgent, few] = [said(true), said(false)];
    this.#news = [];
    const rest = few.length <= ALOUD ? few : [format(ngettext("{count} new message: {last}", "{count} new messages. The last: {last}", few.length), { count: few.length, last: few.at(-1) })];
    return [...urgent, ...rest].join(". ");
  }
}
