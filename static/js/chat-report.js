// <chat-report>: asks why a message is reported to the site's moderators.

import { spoken } from "live/chat-message";

class ChatReport extends HTMLElement {
  #send = null;

  connectedCallback() {
    this.#form.addEventListener("submit", () => this.#send?.(this.#reason));
    this.querySelector("[value=cancel]").addEventListener("click", () => this.#dialog.close());
  }

  // SEND(reason) is called if it is to be.
  ask(item, send) {
    this.#send = send;
    this.#form.reset();
    this.querySelector(".chat-report-of").textContent = spoken(item);
    this.#dialog.showModal();
  }

  get #reason() {
    const { reason, more } = Object.fromEntries(new FormData(this.#form));
    return more.trim() ? `${reason}: ${more.trim()}` : reason;
  }

  get #form() {
    return this.querySelector("form");
  }
  get #dialog() {
    return this.querySelector("dialog");
  }
}

customElements.define("chat-report", ChatReport);
