// A channel's states, in words for its page.

const WORDS = {
  offline: (name) => `${name} is offline. This page will start by itself when the stream does.`,
  starting: (name) => `${name} is starting…`,
  live: () => "",
  reconnecting: (name) => `${name} is back in a moment: the connection was lost. This page goes on by itself.`,
  ended: (name) => `The stream has ended. This page will start by itself when ${name} comes back.`,
  failed: (name) => `${name}'s stream could not be shown.`,
  refused: (name) => `${name}'s stream could not be shown.`,
};
const PLAYABLE = new Set(["starting", "live", "reconnecting"]);

export function inWords(state, name) {
  return (WORDS[state] ?? WORDS.offline)(name);
}

export function isPlayable(state) {
  return PLAYABLE.has(state);
}
