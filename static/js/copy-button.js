// <copy-button for="ID"><button hidden>Copy</button></copy-button>: copies the value of the input with that id.

const SHOWN_MS = 2000;

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.#copy());
  }

  async #copy() {
    const input = document.getElementById(this.getAttribute("for"));
    this.#say((await write(input)) ? "Copied" : "Press Ctrl+C");
  }

  #say(words) {
    const label = this.button.firstChild;
    const before = (this.before ??= label.textContent);
    label.textContent = words;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (label.textContent = before), SHOWN_MS);
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
