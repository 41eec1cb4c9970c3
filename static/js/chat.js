// Loads the chat once the picture moves, or as soon as there is none to wait for: the picture comes first.

import { _ } from "live/i18n";

const PATIENCE_MS = 5000;

const player = document.querySelector("live-player");

// A frame has been shown, not only promised.
function playing() {
  return new Promise((moves) => {
    const wait = ({ target: video }) => video.requestVideoFrameCallback?.(moves) ?? moves();
    player.addEventListener("playing", wait, { capture: true, once: true });
  });
}

function silent() {
  return new Promise((found) => {
    const look = () => ["offline", "ended", "failed", "refused"].includes(player.dataset.state) && (observer.disconnect(), found());
    const observer = new MutationObserver(look);
    observer.observe(player, { attributeFilter: ["data-state"] });
    look();
  });
}

function patience() {
  return new Promise((over) => setTimeout(over, PATIENCE_MS));
}

async function style(link) {
  if (!link.sheet) await new Promise((there) => (link.onload = link.onerror = there));
  link.media = "all";
}

await Promise.race([playing(), silent(), patience()]);
await Promise.all([...document.querySelectorAll(".chat-style")].map(style));
try {
  await import("live/chat-panel");
} catch {
  document.querySelector(".chat-state").textContent = _("The chat could not be loaded. Reload the page to try again.");
}
