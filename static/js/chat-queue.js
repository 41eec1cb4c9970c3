// <chat-queue>: messages that wait for a moderator, the oldest first.

import { button, element } from "live/chat-dom";
import { lineOf, timeOf } from "live/chat-message";
import { _, format, ngettext } from "live/i18n";

const WHY = { links: _("holds a link") };

class ChatQueue extends HTMLElement {
  // DECIDE("approve" | "deny", item) is what a moderator asks for; MORE(row) is what else may be done about its author.
  decide = () => {};
  more = () => {};

  connectedCallback() {
    this.querySelector("details").open = !matchMedia("(max-width: 36rem)").matches; // a phone's room is for the messages
  }

  add(item) {
    if (this.#find(item.id)) return;
    const choose = (does) => () => this.decide(does, item);
    const { name } = item.by;
    const made = element(
      "li",
      { "data-id": item.id, tabIndex: -1 },
      element("p", { className: "chat-line" }, ...lineOf(item, null)),
      element("span", { className: "muted" }, WHY[item.reason] ?? item.reason, " · ", timeOf(item.at)),
      button(_("Approve"), choose("approve"), { className: "btn btn-sm btn-outline-secondary", ariaLabel: format(_("Approve the message of {name}"), { name }) }),
      button(_("Deny"), choose("deny"), { className: "btn btn-sm btn-outline-danger", ariaLabel: format(_("Deny the message of {name}"), { name }) }),
      button("⋯", () => this.more(made), { className: "chat-more", ariaLabel: format(_("More about {name}"), { name }) }),
    );
    made.item = item;
    this.#list.append(made);
    this.#show();
  }

  remove(id) {
    this.#find(id)?.remove();
    this.#show();
  }

  clear() {
    this.#list.replaceChildren();
    this.#show();
  }

  #find(id) {
    return this.#list.querySelector(`[data-id="${Number(id)}"]`);
  }

  #show() {
    const count = this.#list.children.length;
    this.hidden = count === 0;
    this.querySelector("summary").textContent = format(ngettext("{count} message waits for you", "{count} messages wait for you", count), { count });
  }

  get #list() {
    return this.querySelector("ul");
  }
}

customElements.define("chat-queue", ChatQueue);
