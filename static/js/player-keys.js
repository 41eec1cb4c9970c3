// What keys do to a player: letters anywhere in its page, unless somebody writes; the rest where the player has the focus.

import { _ } from "live/i18n";

const STEP = 0.05; // of the volume
const WRITES = "input, textarea, select, [contenteditable]";
const ACTS = `${WRITES}, button, a, summary, [role=slider], [role=button], media-volume-range`; // what takes these keys itself

const LETTERS = {
  k: (player) => player.togglePause(),
  m: ({ video }) => (video.muted = !video.muted),
  f: (player) => player.toggleFullscreen(),
  t: (player) => player.toggleTheatre(),
  i: (player) => player.togglePictureInPicture(),
  S: (player) => player.toggleStats(),
  "?": (player) => show(player),
};
const OTHERS = {
  " ": (player) => player.togglePause(),
  ArrowUp: ({ video }) => louder(video, STEP),
  ArrowDown: ({ video }) => louder(video, -STEP),
};

export function listen(player, signal) {
  const press = (event) => {
    const { key, target, ctrlKey, altKey, metaKey, defaultPrevented } = event;
    if (key === "Escape") player.toggleStats(false);
    if (ctrlKey || altKey || metaKey || defaultPrevented) return;
    const act = LETTERS[key.length === 1 && key !== "S" ? key.toLowerCase() : key];
    const does = act && !target.closest?.(WRITES) ? act : isOurs(player, target) ? OTHERS[key] : null;
    if (!does || (event.repeat && !key.startsWith("Arrow"))) return;
    event.preventDefault();
    does(player);
  };
  document.addEventListener("keydown", press, { signal });
}

function isOurs(player, target) {
  const fills = document.fullscreenElement === player || player.hasAttribute("theatre");
  return (player.contains(target) || (fills && target.matches("body, main"))) && !target.closest(ACTS);
}

function louder(video, step) {
  video.muted = false;
  video.volume = Math.min(Math.max(video.volume + step, 0), 1);
}

// --- the list of them -----------------------------------------------------------------------------------------------------

function show(player) {
  const dialog = player.querySelector(".player-keys") ?? player.appendChild(list(player));
  dialog.open ? dialog.close() : dialog.showModal();
}

function list(player) {
  const rows = [
    ["K", _("Play or pause")],
    ["M", _("Sound on or off")],
    ["F", _("Full screen")],
    ...(player.hasAttribute("embedded") ? [] : [["T", _("Theatre mode")]]),
    ["I", _("Picture in picture")],
    [_("Space"), _("Play or pause, in the player")],
    ["↑ ↓", _("Volume, in the player")],
    [_("Shift S"), _("Statistics")],
    ["?", _("This list")],
  ];
  const dialog = document.createElement("dialog");
  dialog.className = "player-keys";
  dialog.ariaLabel = _("Keys");
  dialog.innerHTML = '<h2></h2><dl></dl><form method="dialog"><button class="btn btn-sm btn-primary"></button></form>';
  dialog.querySelector("h2").textContent = _("Keys");
  dialog.querySelector("button").textContent = _("Close");
  dialog.querySelector("dl").append(...rows.map(([key, words]) => row(key, words)));
  return dialog;
}

function row(key, words) {
  const pair = document.createElement("div");
  pair.innerHTML = "<dt><kbd></kbd></dt><dd></dd>";
  pair.querySelector("kbd").textContent = key;
  pair.querySelector("dd").textContent = words;
  return pair;
}
