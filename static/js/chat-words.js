// What the chat says of itself, in words.

export const ROLES = { owner: "Host", mod: "Mod", vip: "VIP", staff: "Staff" };

const SHIELD_SLOW_S = 10;
const SHIELD_FOLLOW_S = 600;
const NEEDS_WAIT = new Set(["slow", "rate", "timeout", "followers", "shield"]);
const REFUSED = {
  bad_message: () => "The chat did not understand it.",
  too_long: () => "It is too long: 500 characters at most.",
  empty: () => "There is nothing in it to see.",
  sign_in: () => "You are not logged in any more: log in again to write.",
  slow: (wait) => `Slow mode: you can write again ${wait ?? "in a moment"}.`,
  rate: (wait) => `That was a lot at once: you can write again ${wait ?? "in a moment"}.`,
  duplicate: () => "You have just said the same.",
  timeout: (wait) => `You are in a timeout: you can write again ${wait ?? "later"}.`,
  banned: () => "You are banned from this room.",
  site_banned: () => "You are banned from the chats of this site.",
  followers: (wait) => `Only followers write here${wait ? `: you can ${wait}` : ". Follow the channel to join in"}.`,
  shield: (wait) => `The shield is up: only those who have followed for 10 minutes write${wait ? `. You can ${wait}` : ""}.`,
  emote_only: () => "Only emoji may be written here now.",
  links: () => "Links are not let through here.",
  term: () => "It holds something that may not be said here.",
  held_full: () => "Too many messages wait for a moderator. Try again later.",
  not_found: () => "It is not there any more.",
  forbidden: () => "That is not for you to do: it concerns the host, or somebody of your own rank or above.",
  no_room: () => "There is no such chat.",
  busy: () => "The chat is busy. Try again in a moment.",
  lost: () => "The connection was lost before there was an answer.",
};

// Why something was not done. WAIT_MS: after so long, asking again may help.
export function refusal(code, waitMs) {
  const wait = NEEDS_WAIT.has(code) && waitMs > 0 ? `in ${duration(waitMs)}` : null;
  return (REFUSED[code] ?? (() => `The chat refused it (${code}).`))(wait);
}

export function duration(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.ceil(seconds / 3600)} h`;
  return `${Math.ceil(seconds / 86_400)} days`;
}

// The least time between two messages of one author: the shield is stricter than what it covers.
export function slowSeconds({ slow_s: seconds = 0, shield }) {
  return shield ? Math.max(seconds, SHIELD_SLOW_S) : seconds;
}

// What holds in the room beside the usual.
export function rules(settings) {
  const { shield, followers_only_s: followers, emote_only: isEmoteOnly } = settings;
  const follow = shield ? Math.max(followers ?? 0, SHIELD_FOLLOW_S) : followers;
  const slow = slowSeconds(settings);
  const found = [];
  if (shield) found.push("Shield up");
  if (slow) found.push(`Slow mode ${duration(slow * 1000)}`);
  if (follow === 0) found.push("Followers only");
  if (follow > 0) found.push(`Followers of ${duration(follow * 1000)} or more`);
  if (isEmoteOnly) found.push("Emoji only");
  return found.join(" · ");
}

const CLOSED = {
  banned: "You are banned from this room.",
  no_room: "There is no chat here.",
};

// Of a connection; empty while all is well.
export function connection({ name, reason, inMs }) {
  if (name === "connecting") return "Connecting…";
  if (name === "waiting") {
    const why = reason === "flood" ? "Too much came from here at once." : reason === "restart" ? "The chat restarts." : "No connection.";
    return `${why} Trying again ${inMs > 1500 ? `in ${duration(inMs)}` : "now"}…`;
  }
  if (name === "offline") return "You are offline. The chat comes back when you do.";
  return name === "closed" ? (CLOSED[reason] ?? "The chat is closed.") : "";
}

export function here(count) {
  return `${count.toLocaleString("en")} here`;
}

const SYSTEM = {
  live: (channel) => `${channel} is live`,
  lost: (channel) => `${channel} lost the connection`,
  back: (channel) => `${channel} is back`,
  ended: () => "The stream has ended",
};

export function system({ kind }, channel) {
  return (SYSTEM[kind] ?? SYSTEM.ended)(channel);
}
