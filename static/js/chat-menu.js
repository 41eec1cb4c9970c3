// <chat-menu>: what may be done about a message, beside it; on a phone, at the foot of the window.

import { button, element } from "live/chat-dom";
import { spoken, timeOf } from "live/chat-message";
import { _, format } from "live/i18n";

const GAP_PX = 4;

class ChatMenu extends HTMLElement {
  connectedCallback() {
    this.popover = "auto";
    this.setAttribute("role", "menu");
    this.addEventListener("keydown", (event) => this.#onKey(event));
    this.addEventListener("toggle", ({ newState }) => newState === "closed" && this.replaceChildren());
  }

  // CHOOSE(action, row) is called with what is chosen of the LIST.
  show(row, list, choose) {
    this.ariaLabel = format(_("Actions for the message of {name}"), { name: row.item.by.name });
    const groups = grouped(list);
    const pick = (action) => () => (this.hidePopover(), choose(action, row));
    this.replaceChildren(
      element("p", { className: "chat-menu-about", "aria-hidden": "true" }, timeOf(row.item.at), " ", spoken(row.item)),
      ...groups.map((group) => element("div", { role: "group", "data-group": group[0].group }, ...group.map((action) => item(action, pick(action))))),
    );
    row.focus(); // where the focus comes back to
    this.showPopover();
    this.#place(row.querySelector(".chat-more").getBoundingClientRect());
    this.#items[0].focus();
  }

  #place({ top, bottom, right }) {
    const { offsetWidth, offsetHeight } = this;
    const fits = bottom + GAP_PX + offsetHeight < innerHeight;
    const above = Math.max(top - GAP_PX - offsetHeight, GAP_PX);
    this.style.setProperty("--top", `${fits ? bottom + GAP_PX : above}px`);
    this.style.setProperty("--left", `${Math.max(right - offsetWidth, GAP_PX)}px`);
  }

  #onKey(event) {
    const items = this.#items;
    const at = items.indexOf(document.activeElement);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key === "Tab") this.hidePopover();
    if (!(event.key in moves)) return;
    event.preventDefault();
    items.at(moves[event.key] % items.length).focus();
  }

  get #items() {
    return [...this.querySelectorAll('[role="menuitem"]')];
  }
}

function item({ label, short, isGrave }, does) {
  const made = button(short ?? label, does, { role: "menuitem", tabIndex: -1, className: isGrave ? "chat-grave" : "" });
  if (short) made.ariaLabel = label;
  return made;
}

function grouped(list) {
  return [...new Set(list.map(({ group }) => group))].map((name) => list.filter(({ group }) => group === name));
}

customElements.define("chat-menu", ChatMenu);
