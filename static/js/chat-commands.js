// What moderators type: "/timeout bob 600 spam" becomes the frame that asks for it.

import { _, format } from "live/i18n";

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 };
const LONGEST_TIMEOUT_S = 14 * UNITS.d;
const TIMEOUT_S = 600;

// name: [usage, what it does, (arguments, room) → the fields of a `mod` frame]
const COMMANDS = {
  timeout: [_("name [10m] [reason]"), _("keeps somebody from writing for a while"), timeout],
  ban: [_("name [reason]"), _("keeps somebody out for good"), ([name, ...reason], room) => ({ do: "ban", user: who(name, room), ...because(reason) })],
  unban: [_("name"), _("lifts a ban or a timeout"), ([name], room) => ({ do: "absolve", user: who(name, room) })],
  siteban: [_("name [reason]"), _("keeps somebody out of all chats (site moderators)"), ([name, ...reason], room) => ({ do: "site_ban", user: who(name, room), ...because(reason) })],
  siteunban: [_("name"), _("lifts a ban from all chats"), ([name], room) => ({ do: "site_absolve", user: who(name, room) })],
  purge: [_("name"), _("deletes everything that somebody said"), ([name], room) => ({ do: "purge", user: who(name, room) })],
  clear: ["", _("empties the chat"), () => ({ do: "clear" })],
  slow: ["10 | off", _("so many seconds between two messages"), ([time]) => set({ slow_s: orOff(time, 0) })],
  followers: ["[10m] | off", _("only who has followed for so long writes"), ([time]) => set({ followers_only_s: time ? orOff(time, null) : 0 })],
  emote: ["on | off", _("nothing but emoji"), ([state]) => set({ emote_only: onOrOff(state) })],
  shield: ["on | off", _("against a raid: followers, slowly, no links"), ([state]) => ({ do: "shield", on: onOrOff(state) })],
  pin: [_("[message]"), _("says it, or takes your last message, and keeps it on top"), pin],
  unpin: ["", _("takes down what is pinned"), () => ({ do: "unpin" })],
  mod: [_("name"), _("makes somebody a moderator"), ([name], room) => ({ do: "role", user: who(name, room), role: "mod" })],
  vip: [_("name"), _("trusts somebody with links, without slow mode"), ([name], room) => ({ do: "role", user: who(name, room), role: "vip" })],
  unmod: [_("name"), _("takes a role away"), ([name], room) => ({ do: "role", user: who(name, room), role: null })],
  help: ["", _("lists the commands"), () => ({ do: "help" })],
};
const SAME = { untimeout: "unban", unvip: "unmod", delete: "purge", followersonly: "followers", emoteonly: "emote" };

class Misuse extends Error {}

// Of a room: find(name) → user id, lastOwn → number of one's own last message.
// null where TEXT is no command; { error } with words; { mod } with a frame's fields; { pin } with a text to say and pin.
export function command(text, room) {
  if (!text.startsWith("/") || text.startsWith("//")) return null;
  const [word, ...args] = text.slice(1).trim().split(/\s+/u);
  const name = SAME[word.toLowerCase()] ?? word.toLowerCase();
  if (!Object.hasOwn(COMMANDS, name)) return { error: format(_("There is no command /{word}. Type /help for a list, or // to begin a message with /."), { word }) };
  try {
    const mod = COMMANDS[name][2](args, room);
    return "pin" in mod ? mod : { mod };
  } catch (error) {
    if (!(error instanceof Misuse)) throw error;
    return { error: error.message || format(_("Use it so: {usage}"), { usage: usage(name) }) };
  }
}

// What can follow on what has been typed so far.
export function hints(text) {
  const [, typed, more] = /^\/([a-z]*)(\s?)/i.exec(text) ?? [];
  if (typed === undefined || text.startsWith("//")) return [];
  const fits = (name) => (more ? name === (SAME[typed] ?? typed) : name.startsWith(typed.toLowerCase()));
  return help().filter(({ name }) => fits(name));
}

export function help() {
  return Object.keys(COMMANDS).map((name) => ({ name, usage: usage(name), does: COMMANDS[name][1] }));
}

function usage(name) {
  return `/${name} ${COMMANDS[name][0]}`.trim();
}

function timeout([name, time, ...reason], room) {
  const user = who(name, room);
  const found = seconds(time);
  const length = found ?? TIMEOUT_S;
  if (length < 1 || length > LONGEST_TIMEOUT_S) throw new Misuse(_("A timeout lasts 14 days at most."));
  return { do: "timeout", user, seconds: length, ...because(found === null && time ? [time, ...reason] : reason) };
}

function pin(words, { lastOwn }) {
  if (words.length) return { pin: words.join(" ") };
  if (lastOwn === null) throw new Misuse(_("You have said nothing here that could be pinned."));
  return { do: "pin", of: lastOwn };
}

function who(name, { find }) {
  if (!name) throw new Misuse();
  const bare = name.replace(/^@/, "").toLowerCase();
  const id = find(bare);
  if (!id) throw new Misuse(format(_("There is nobody called {name}."), { name: bare }));
  return id;
}

function because(words) {
  return words.length ? { reason: words.join(" ") } : {};
}

function set(settings) {
  return { do: "set", settings };
}

function seconds(time) {
  const [, count, unit] = /^(\d{1,7})([smhd]?)$/i.exec(time ?? "") ?? [];
  return count === undefined ? null : Number(count) * UNITS[unit.toLowerCase() || "s"];
}

function orOff(time, off) {
  const found = time?.toLowerCase() === "off" ? off : seconds(time);
  if (found === null && time?.toLowerCase() !== "off") throw new Misuse();
  return found;
}

function onOrOff(state) {
  if (!["on", "off"].includes(state?.toLowerCase())) throw new Misuse();
  return state.toLowerCase() === "on";
}
