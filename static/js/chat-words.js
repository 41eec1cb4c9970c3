// What the chat says of itself, in words.

import { _, format, language, ngettext } from "live/i18n";

export const ROLES = { owner: _("Host"), mod: _("Mod"), vip: _("VIP"), staff: _("Staff") };

const DAY_MS = 86_400_000;
const SHIELD_SLOW_S = 10;
const SHIELD_FOLLOW_S = 600;
const NEEDS_WAIT = new Set(["slow", "rate", "timeout", "followers", "shield"]);
const REFUSED = {
  bad_message: () => _("The chat did not understand it."),
  too_long: () => _("It is too long: 500 characters at most."),
  empty: () => _("There is nothing in it to see."),
  sign_in: () => _("You are not logged in any more: log in again to write."),
  slow: (wait) => (wait ? _("Slow mode: you can write again in {wait}.") : _("Slow mode: you can write again in a moment.")),
  rate: (wait) => (wait ? _("That was a lot at once: you can write again in {wait}.") : _("That was a lot at once: you can write again in a moment.")),
  duplicate: () => _("You have just said the same."),
  timeout: (wait) => (wait ? _("You are in a timeout: you can write again in {wait}.") : _("You are in a timeout: you can write again later.")),
  banned: () => _("You are banned from this room."),
  site_banned: () => _("You are banned from the chats of this site."),
  followers: (wait) => (wait ? _("Only followers write here: you can in {wait}.") : _("Only followers write here. Follow the channel to join in.")),
  shield: (wait) =>
    wait
      ? _("The shield is up: only those who have followed for 10 minutes write. You can in {wait}.")
      : _("The shield is up: only those who have followed for 10 minutes write."),
  emote_only: () => _("Only emoji may be written here now."),
  links: () => _("Links are not let through here."),
  term: () => _("It holds something that may not be said here."),
  held_full: () => _("Too many messages wait for a moderator. Try again later."),
  not_found: () => _("It is not there any more."),
  forbidden: () => _("That is not for you to do: it concerns the host, or somebody of your own rank or above."),
  no_room: () => _("There is no such chat."),
  busy: () => _("The chat is busy. Try again in a moment."),
  lost: () => _("The connection was lost before there was an answer."),
};

// Why something was not done. WAIT_MS: after so long, asking again may help.
export function refusal(code, waitMs) {
  const wait = NEEDS_WAIT.has(code) && waitMs > 0 ? duration(waitMs) : null;
  return format((REFUSED[code] ?? (() => _("The chat refused it ({code}).")))(wait), { wait, code });
}

// What keeps somebody from writing, and until when.
export function out(code, waitMs, now = Date.now()) {
  if (code !== "timeout" || !(waitMs > 0)) return refusal(code, waitMs);
  const words = waitMs < DAY_MS ? _("You are in a timeout: you can read on, and write again at {time}.") : _("You are in a timeout: you can read on, and write again on {time}.");
  return format(words, { time: moment(now + waitMs, waitMs) });
}

export const OVER = _("Your timeout is over: you can write again.");

function moment(at, waitMs) {
  const style = waitMs < 120_000 ? { timeStyle: "medium" } : waitMs < DAY_MS ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(language, style).format(at);
}

export function duration(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.ceil(seconds / 3600)} h`;
  const count = Math.ceil(seconds / 86_400);
  return format(ngettext("{count} day", "{count} days", count), { count });
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
  if (shield) found.push(_("Shield up"));
  if (slow) found.push(format(_("Slow mode {length}"), { length: duration(slow * 1000) }));
  if (follow === 0) found.push(_("Followers only"));
  if (follow > 0) found.push(format(_("Followers of {length} or more"), { length: duration(follow * 1000) }));
  if (isEmoteOnly) found.push(_("Emoji only"));
  return found.join(" · ");
}

const CLOSED = {
  banned: _("You are banned from this room."),
  no_room: _("There is no chat here."),
};

// Of a connection; empty while all is well.
export function connection({ name, reason, inMs }) {
  if (name === "connecting") return _("Connecting…");
  if (name === "waiting") {
    const why = ["flood", "rate"].includes(reason) ? _("Too much came from here at once.") : reason === "restart" ? _("The chat restarts.") : _("No connection.");
    return `${why} ${inMs > 1500 ? format(_("Trying again in {wait}…"), { wait: duration(inMs) }) : _("Trying again now…")}`;
  }
  if (name === "offline") return _("You are offline. The chat comes back when you do.");
  return name === "closed" ? (CLOSED[reason] ?? _("The chat is closed.")) : "";
}

export function here(count) {
  return format(ngettext("{count} here", "{count} here", count), { count: count.toLocaleString(language) });
}

const SYSTEM = {
  live: () => _("{channel} is live"),
  lost: () => _("{channel} lost the connection"),
  back: () => _("{channel} is back"),
  ended: () => _("The stream has ended"),
};

export function system({ kind }, channel) {
  return format((SYSTEM[kind] ?? SYSTEM.ended)(), { channel });
}
