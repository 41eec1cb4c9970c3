// <quality-menu>: the qualities that a stream has, and the viewer's choice among them, which outlives the stream.

import { _ } from "live/i18n";
import { recall, remember } from "live/player-memory";

export const AUTO = "auto";
export const SOUND_ONLY = "audio";

class QualityMenu extends HTMLElement {
  #playing = null;
  choice = recall().quality ?? AUTO; // or a level's name, or SOUND_ONLY

  connectedCallback() {
    this.innerHTML = `<label><span class="visually-hidden">${_("Quality")}</span><select></select></label>`;
    this.#select.addEventListener("change", () => this.#choose());
  }

  // What the stream has, from the worst to the best. A choice that it does not have becomes automatic.
  offer(levels, hasSound) {
    const options = [new Option(_("Auto"), AUTO), ...levels.map((level) => new Option(label(level), level.name)).reverse()];
    if (hasSound) options.push(new Option(_("Audio only"), SOUND_ONLY));
    this.#select.replaceChildren(...options);
    this.#select.value = this.choice;
    if (this.#select.selectedIndex < 0) this.#select.value = this.choice = AUTO;
    this.#playing = null;
    this.hidden = options.length < 3;
  }

  // The level that is seen now.
  set playing(level) {
    this.#playing = level;
    this.#showAuto();
  }

  #choose() {
    this.choice = this.#select.value;
    if (this.choice !== SOUND_ONLY) remember({ quality: this.choice }); // who comes back expects a picture
    this.#showAuto();
  }

  #showAuto() {
    const isKnown = this.#playing && this.choice === AUTO;
    this.#select.options[0].textContent = isKnown ? `${_("Auto")} (${label(this.#playing)})` : _("Auto");
  }

  get #select() {
    return this.querySelector("select");
  }
}

function label({ name, width, height }) {
  return name === "source" ? `${Math.min(width, height)}p ${_("source")}` : `${Math.min(width, height)}p`;
}

customElements.define("quality-menu", QualityMenu);
