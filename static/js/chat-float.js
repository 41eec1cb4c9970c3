// Emoji that rise over the picture. Who wants less motion gets none of it.

import { element } from "live/chat-dom";

const MOST = 40; // at the same time
const AT_ONCE = 6; // of one emoji
const SPREAD_MS = 250; // until the next counts come
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

export function isCalm() {
  return CALM.matches;
}

export function float(emoji, count) {
  const player = document.querySelector("live-player");
  if (!player || isCalm() || document.hidden) return;
  const layer = player.querySelector(".chat-floats") ?? player.appendChild(element("div", { className: "chat-floats", "aria-hidden": "true" }));
  const room = Math.max(0, MOST - layer.childElementCount);
  for (let i = 0; i < Math.min(count, AT_ONCE, room); i += 1) layer.append(one(emoji));
}

function one(emoji) {
  const made = element("span", {}, emoji);
  made.style.setProperty("--at", `${Math.random() * 100}%`);
  made.style.setProperty("--sway", `${Math.random() * 3 - 1.5}rem`);
  made.style.animationDelay = `${Math.random() * SPREAD_MS}ms`;
  made.addEventListener("animationend", () => made.remove());
  return made;
}
