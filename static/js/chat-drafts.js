// One's own messages, from the moment they are sent until the log has them: shown at once, then confirmed, or marked as not sent.

import { button, element } from "live/chat-dom";
import { messageElement } from "live/chat-message";
import { plain } from "live/chat-text";
import { _, format } from "live/i18n";

const SLOW_MS = 1500; // what takes longer says that it is on its way

export class Drafts {
  #log;
  #rows = new Map(); // nonce → row

  constructor(log) {
    this.#log = log;
  }

  add(nonce, { text, re }, you) {
    const item = { by: you, text, re, at: Date.now() };
    const row = messageElement(item, this.#log.find(re)?.item, you);
    row.querySelector(".chat-tools").remove();
    row.removeAttribute("aria-label"); // what became of it is to be read as well
    row.classList.add("chat-draft");
    delete row.item; // it has no number by which anything could be done about it
    row.draft = { nonce, text: plain(text) };
    row.append(element("p", { className: "chat-fate", role: "status" }));
    this.#rows.set(nonce, row);
    this.#log.add(row, Infinity, true);
    setTimeout(() => row.isConnected && this.#rows.has(nonce) && !row.dataset.fate && this.#say(row, "sending", _("Sending…")), SLOW_MS);
  }

  // The log has the message: its row, if there still is one.
  take(item) {
    const found = [...this.#rows.values()].find(({ draft }) => draft.n === item.n || draft.text === item.text);
    if (found) this.#rows.delete(found.draft.nonce);
    return found ?? null;
  }

  // It is message N, whether that has come already or is on its way.
  sent(nonce, n) {
    const row = this.#rows.get(nonce);
    if (!row) return;
    row.draft.n = n;
    row.classList.remove("chat-draft");
    this.#say(row, "sent", "");
    if (this.#log.find(n)) this.remove(nonce);
  }

  held(nonce) {
    const row = this.#rows.get(nonce);
    if (row) this.#say(row, "held", _("A moderator looks at it before others see it."));
  }

  denied(nonce) {
    const row = this.#rows.get(nonce);
    if (row) this.#say(row, "failed", `${_("A moderator did not let it through.")} `, this.#discard(nonce));
  }

  failed(nonce, words, retry) {
    const row = this.#rows.get(nonce);
    if (!row) return;
    const again = button(_("Try again"), () => (this.remove(nonce), retry()), { className: "btn btn-sm btn-link" });
    this.#say(row, "failed", `${format(_("Not sent. {why}"), { why: words })} `, again, this.#discard(nonce));
  }

  remove(nonce) {
    const row = this.#rows.get(nonce);
    this.#rows.delete(nonce);
    if (row) this.#log.remove(row);
  }

  #discard(nonce) {
    return button(_("Discard"), () => this.remove(nonce), { className: "btn btn-sm btn-link" });
  }

  #say(row, fate, ...words) {
    row.dataset.fate = fate;
    row.querySelector(".chat-fate").replaceChildren(...words);
  }
}
