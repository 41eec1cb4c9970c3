// A channel's states, in words for its page.

import { _, format } from "live/i18n";

const WORDS = {
  offline: () => _("{name} is offline. This page will start by itself when the stream does."),
  starting: () => _("{name} is starting…"),
  live: () => "",
  reconnecting: () => _("{name} is back in a moment: the connection was lost. This page goes on by itself."),
  ended: () => _("The stream has ended. This page will start by itself when {name} comes back."),
  failed: () => _("{name}'s stream could not be shown."),
  refused: () => _("{name}'s stream could not be shown."),
};
const PLAYABLE = new Set(["starting", "live", "reconnecting"]);

export function inWords(state, name) {
  return format((WORDS[state] ?? WORDS.offline)(), { name });
}

export function isPlayable(state) {
  return PLAYABLE.has(state);
}
