// What moderators ask for, and what they are told came of it.

import { done, moderates } from "live/chat-actions";
import { command, help } from "live/chat-commands";
import { confirmed } from "live/chat-confirm";
import { button, element } from "live/chat-dom";
import { refusal } from "live/chat-words";
import { _, format } from "live/i18n";

const UNDONE_BY = { timeout: "absolve", ban: "absolve", site_ban: "site_absolve" };

export class Moderation {
  #connection;
  #feed;
  #people;
  #asked = new Map(); // nonce → whom it concerns
  #toPin = new Set(); // nonces of messages
  #lastOwn = null;
  you = null;

  constructor(panel, connection, feed, people) {
    this.#connection = connection;
    this.#feed = feed;
    this.#people = people;
    panel.querySelector("chat-queue").decide = (does, { id, by }) => this.ask({ do: does, id }, by);
    confirmed(panel, "clear", () => this.ask({ do: "clear" }));
    const shield = panel.querySelector(".chat-shield");
    shield.addEventListener("click", () => this.ask({ do: "shield", on: shield.ariaPressed !== "true" }));
  }

  ask(fields, by = null) {
    this.#asked.set(this.#connection.ask({ t: "mod", ...fields }), by);
  }

  report({ n, by }, reason) {
    this.#asked.set(this.#connection.ask({ t: "report", of: n, reason }), by);
  }

  // null where TEXT is an ordinary message; { error } in words; { say, sent(nonce) } to be said, then pinned; {} where it is done.
  command(text) {
    const found = command(text, { find: (name) => this.#people.find(name), lastOwn: this.#lastOwn });
    if (!found) return null;
    if (!moderates(this.you?.role)) return { error: _("Commands are for moderators. To begin a message with /, write //.") };
    if (found.error) return found;
    if ("pin" in found) return { say: found.pin, sent: (nonce) => this.#toPin.add(nonce) };
    if (found.mod.do === "help") this.#help();
    else this.ask(found.mod, found.mod.user ? { id: found.mod.user, name: text.split(/\s+/u)[1].replace(/^@/, "") } : null);
    return {};
  }

  // One's own message has got a number.
  sent(nonce, n) {
    this.#lastOwn = n;
    if (this.#toPin.delete(nonce)) this.ask({ do: "pin", of: n });
  }

  answer(item, frame) {
    const by = this.#asked.get(item.nonce);
    this.#asked.delete(item.nonce);
    const isNobody = item.code === "not_found" && frame.user;
    if (item.t === "no") this.#feed.note(isNobody ? nobody(by?.name) : refusal(item.code, item.wait_ms));
    else if (frame.t === "report") this.#feed.note(format(_("The message of {name} is reported. A moderator of the site looks at it."), { name: by.name }));
    else this.#tell(frame, by);
  }

  #tell(frame, by) {
    const words = done(frame, by?.name);
    if (words === null) return;
    const undo = UNDONE_BY[frame.do] && button(_("Undo"), () => (row.remove(), this.ask({ do: UNDONE_BY[frame.do], user: frame.user }, by)), { className: "btn btn-sm btn-link" });
    const row = this.#feed.note(words, undo ?? null);
  }

  #help() {
    const rows = help().map(({ usage, does }) => element("li", {}, element("code", {}, usage), ` ${does}`));
    this.#feed.note(_("Commands"), element("ul", { className: "chat-hints" }, ...rows));
  }
}

function nobody(name) {
  if (!name) return _("There is nobody like that here, or there was nothing to lift.");
  return format(_("Nobody here is called {name}, or there was nothing to lift."), { name });
}
