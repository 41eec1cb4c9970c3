// <chat-pin>: the message that moderators keep on top.

import { button, element } from "live/chat-dom";
import { lineOf } from "live/chat-message";
import { _ } from "live/i18n";

class ChatPin extends HTMLElement {
  item = null; // the message, as it was when it was pinned

  // ITEM of the log that pins something or nothing, or null. UNPIN: for who may; null for the rest.
  show(item, you, unpin) {
    this.item = item?.of == null ? null : item.msg;
    this.hidden = this.item === null;
    if (this.hidden) return this.replaceChildren();
    const label = element("span", { className: "chat-pin-label" }, _("Pinned"));
    const close = unpin && button("×", unpin, { className: "chat-unpin", ariaLabel: _("Unpin") });
    return this.replaceChildren(label, element("p", { className: "chat-line" }, ...lineOf(this.item, you)), close ?? "");
  }

  get of() {
    return this.item?.n ?? null;
  }
}

customElements.define("chat-pin", ChatPin);
