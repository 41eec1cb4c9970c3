// <copy-button for="ID"><button hidden>Copy</button></copy-button>: copies the value of the input with that id.

import { _ } from "live/i18n";

const SHOWN_MS = 2000;

class CopyButton extends HTMLElement {
  #label = null; // the first text in the button; what follows names the field for screen readers
  #timer = null;

  connectedCallback() {
    const button = this.querySelector("button");
    this.#label = button.firstChild;
    button.hidden = false;
    button.addEventListener("click", () => this.#copy());
  }

  async #copy() {
    const input = document.getElementById(this.getAttribute("for"));
    this.#say((await write(input)) ? _("Copied") : _("Press Ctrl+C"));
  }

  #say(words) {
    this.#label.textContent = words;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#label.textContent = _("Copy")), SHOWN_MS);
  }
}

async function write(input) {
  input.select();
  if (!navigator.clipboard) return document.execCommand("copy"); // plain http: browsers keep the clipboard's own interface back
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    return document.execCommand("copy"); // the permission was denied
  }
}

customElements.define("copy-button", CopyButton);
