// What somebody may do about a message and its author. The server decides; this keeps the menu to what it would allow.

const RANKS = { mod: 1, owner: 2, staff: 3 };
const TIMEOUTS = [
  [60, "1 min"],
  [600, "10 min"],
  [3600, "1 h"],
  [86_400, "1 day"],
];

export function moderates(role) {
  return role in RANKS;
}

// Slow mode and the like are not for them.
export function isTrusted(role) {
  return moderates(role) || role === "vip";
}

// [{ label, short?, fields?, does?, isGrave?, group }]: FIELDS of a `mod` frame, or what the page DOES itself.
export function actions(item, you, pinned) {
  if (!you) return [{ label: "Log in to answer or report", does: "sign-in", group: "say" }];
  const { n: of, by } = item;
  const isOwn = by.id === you.id;
  const found = [{ label: "Reply", does: "reply", group: "say" }];
  if (!isOwn) found.push({ label: "Report…", does: "report", group: "say" });
  if (!moderates(you.role)) return found;
  const add = (label, fields, group, isGrave = false) => found.push({ label, fields, group, isGrave });
  if (pinned === of) add("Unpin", { do: "unpin" }, "message");
  else add("Pin on top", { do: "pin", of }, "message");
  if (isOwn || mayDelete(you.role, by.role)) add("Delete message", { do: "delete", of }, "message", true);
  return [...found, ...aboutPerson(by, you)];
}

// The part of it that needs no message.
export function aboutPerson(by, you) {
  const found = [];
  const add = (label, fields, group, isGrave = false) => found.push({ label, fields: { ...fields, user: by.id }, group, isGrave });
  if (!moderates(you?.role) || by.id === you.id) return found;
  if (isOver(you.role, by.role)) {
    for (const [seconds, short] of TIMEOUTS) {
      found.push({ label: `Timeout ${short}`, short, fields: { do: "timeout", user: by.id, seconds }, group: "timeout" });
    }
    add("Delete all of their messages", { do: "purge" }, "person", true);
    add("Ban", { do: "ban" }, "person", true);
    add("Lift timeout or ban", { do: "absolve" }, "person");
  }
  if (you.role === "staff" && by.role !== "staff") {
    add("Ban from all chats of the site", { do: "site_ban" }, "site", true);
    add("Lift the ban from all chats", { do: "site_absolve" }, "site");
  }
  if (["owner", "staff"].includes(you.role) && !["owner", "staff"].includes(by.role)) {
    if (by.role !== "mod") add("Make moderator", { do: "role", role: "mod" }, "role");
    if (by.role !== "vip") add("Make VIP", { do: "role", role: "vip" }, "role");
    if (by.role) add("Take the role away", { do: "role", role: null }, "role");
  }
  return found;
}

function isOver(role, other) {
  return other !== "owner" && (RANKS[role] ?? 0) > (RANKS[other] ?? 0);
}

function mayDelete(role, other) {
  return isOver(role, other) || (role === "staff" && other === "owner");
}

// What was done, for whoever did it.
export function done(fields, name) {
  const minutes = (seconds) => (seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);
  const words = {
    timeout: () => `${name} cannot write for ${minutes(fields.seconds)}.`,
    ban: () => `${name} is banned.`,
    absolve: () => `${name} may write again.`,
    site_ban: () => `${name} is banned from all chats of this site.`,
    site_absolve: () => `${name} may write in the chats of this site again.`,
    purge: () => `The messages of ${name} are deleted.`,
    role: () => (fields.role ? `${name} is now ${fields.role === "mod" ? "a moderator" : "a VIP"}.` : `${name} has no role any more.`),
    set: () => "The rules of the chat are changed.",
    shield: () => (fields.on ? "The shield is up." : "The shield is down."),
  };
  return words[fields.do]?.() ?? null; // what is seen at once needs no words
}
