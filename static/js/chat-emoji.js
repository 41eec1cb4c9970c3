// <chat-emoji>: emoji to choose from, in groups. It is loaded when somebody asks for it, and puts nothing anywhere itself.

import { button, element } from "live/chat-dom";
import { _ } from "live/i18n";

const GROUPS = {
  [_("Faces")]: _(
    "😀 grinning,😂 tears of joy,🤣 rolling on the floor laughing,😊 smiling,😉 winking,😍 heart eyes,😘 blowing a kiss,😎 sunglasses," +
    "🤩 starstruck,🥳 partying,🤔 thinking,😴 sleeping,😅 nervous laugh,😬 grimacing,🙄 rolling eyes,😏 smirking," +
    "😢 crying,😭 sobbing,😱 screaming,😡 angry,🤯 exploding head,🥺 pleading,😮 surprised,🤗 hugging," +
    "🤫 hushing,🤐 zipped mouth,😇 halo,🤡 clown,💀 skull,👻 ghost,👀 eyes,🤖 robot",
  ),
  [_("Hands")]: _(
    "👍 thumbs up,👎 thumbs down,👏 clapping,🙌 raised hands,🙏 folded hands,💪 strong arm,👋 waving,✌️ victory," +
    "🤞 crossed fingers,🤘 horns,👌 OK,🤝 handshake,✊ raised fist,👊 fist,🫡 salute,🤷 shrug",
  ),
  [_("Hearts")]: _(
    "❤️ red heart,🧡 orange heart,💛 yellow heart,💚 green heart,💙 blue heart,💜 purple heart,🖤 black heart,💔 broken heart," +
    "💕 two hearts,💯 hundred points,🔥 fire,✨ sparkles,⭐ star,🌈 rainbow,⚡ lightning,💥 bang",
  ),
  [_("Celebration")]: _(
    "🎉 party popper,🎊 confetti,🥂 clinking glasses,🍻 clinking beer mugs,🎂 birthday cake,🎁 present,🏆 trophy,🥇 gold medal," +
    "🎮 game controller,🎵 music,🎤 microphone,🎸 guitar,🎬 film,📺 television,⚽ football,🏀 basketball",
  ),
  [_("Animals and food")]: _(
    "🐶 dog,🐱 cat,🦊 fox,🐻 bear,🐼 panda,🐸 frog,🐵 monkey,🦄 unicorn," +
    "🐟 fish,🐢 turtle,🍕 pizza,🍔 hamburger,🍿 popcorn,🍩 doughnut,☕ coffee,🍺 beer",
  ),
  [_("Signs")]: _("✅ check mark,❌ cross,❓ question mark,❗ exclamation mark,⏰ alarm clock,🚀 rocket,🚨 siren,💡 idea,📌 pin,🔊 loud,🔇 muted,💤 zzz"),
};
const COLUMNS = 8;

class ChatEmoji extends HTMLElement {
  // CHOOSE(emoji) is called with each that is chosen; it stays open for more.
  choose = () => {};

  connectedCallback() {
    this.popover = "auto";
    this.setAttribute("role", "dialog");
    this.ariaLabel = _("Emoji");
    this.replaceChildren(...Object.entries(GROUPS).map(([name, list]) => group(name, list, (emoji) => this.choose(emoji))));
    this.addEventListener("keydown", (event) => this.#onKey(event));
    this.addEventListener("focusin", ({ target }) => this.#rove(target));
    this.#rove(this.#buttons[0]);
  }

  // Above the left edge of what opens it, as far as the window reaches.
  show({ left, top }) {
    this.showPopover();
    this.style.setProperty("--bottom", `${innerHeight - top + 4}px`);
    this.style.setProperty("--left", `${Math.max(4, Math.min(left, innerWidth - this.offsetWidth - 4))}px`);
    this.querySelector('[tabindex="0"]').focus();
  }

  #onKey(event) {
    const buttons = this.#buttons;
    const at = buttons.indexOf(event.target);
    const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + COLUMNS, ArrowUp: at - COLUMNS, Home: 0, End: buttons.length - 1 };
    if (event.key === "Tab") this.hidePopover();
    if (!(event.key in moves)) return;
    event.preventDefault();
    buttons[Math.min(Math.max(moves[event.key], 0), buttons.length - 1)].focus();
  }

  #rove(button) {
    for (const other of this.#buttons) other.tabIndex = other === button ? 0 : -1;
  }

  get #buttons() {
    return [...this.querySelectorAll("button")];
  }
}

function group(name, list, choose) {
  const buttons = list.split(",").map((one) => {
    const [emoji, ...words] = one.split(" ");
    return button(emoji, () => choose(emoji), { ariaLabel: words.join(" "), title: words.join(" ") });
  });
  return element("div", { role: "group", "aria-label": name }, element("p", { className: "muted", "aria-hidden": "true" }, name), element("div", {}, ...buttons));
}

customElements.define("chat-emoji", ChatEmoji);
