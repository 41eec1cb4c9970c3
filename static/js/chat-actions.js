// What somebody may do about a message and its author. The server decides; this keeps the menu to what it would allow.

import { _, format } from "live/i18n";

const RANKS = { mod: 1, owner: 2, staff: 3 };
const TIMEOUTS = [
  [60, "1 min"],
  [600, "10 min"],
  [3600, "1 h"],
  [86_400, _("1 day")],
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
  if (!you) return [{ label: _("Log in to answer or report"), does: "sign-in", group: "say" }];
  const { n: of, by } = item;
  const isOwn = by.id === you.id;
  const found = [{ label: _("Reply"), does: "reply", group: "say" }];
  if (!isOwn) found.push({ label: _("Report…"), does: "report", group: "say" });
  if (!moderates(you.role)) return found;
  const add = (label, fields, group, isGrave = false) => found.push({ label, fields, group, isGrave });
  if (pinned === of) add(_("Unpin"), { do: "unpin" }, "message");
  else add(_("Pin on top"), { do: "pin", of }, "message");
  if (isOwn || mayDelete(you.role, by.role)) add(_("Delete message"), { do: "delete", of }, "message", true);
  return [...found, ...aboutPerson(by, you)];
}

// The part of it that needs no message.
export function aboutPerson(by, you) {
  const found = [];
  const add = (label, fields, group, isGrave = false) => found.push({ label, fields: { ...fields, user: by.id }, group, isGrave });
  if (!moderates(you?.role) || by.id === you.id) return found;
  if (isOver(you.role, by.role)) {
    for (const [seconds, short] of TIMEOUTS) {
      found.push({ label: format(_("Timeout {length}"), { length: short }), short, fields: { do: "timeout", user: by.id, seconds }, group: "timeout" });
    }
    add(_("Delete all of their messages"), { do: "purge" }, "person", true);
    add(_("Ban"), { do: "ban" }, "person", true);
    add(_("Lift timeout or ban"), { do: "absolve" }, "person");
  }
  if (you.role === "staff" && by.role !== "staff") {
    add(_("Ban from all chats of the site"), { do: "site_ban" }, "site", true);
    add(_("Lift the ban from all chats"), { do: "site_absolve" }, "site");
  }
  if (["owner", "staff"].includes(you.role) && !["owner", "staff"].includes(by.role)) {
    if (by.role !== "mod") add(_("Make moderator"), { do: "role", role: "mod" }, "role");
    if (by.role !== "vip") add(_("Make VIP"), { do: "role", role: "vip" }, "role");
    if (by.role) add(_("Take the role away"), { do: "role", role: null }, "role");
  }
  return found;
}

function isOver(role, other) {
  return other !== "owner" && (RANKS[role] ?? 0) > (RANKS[other] ?? 0);
}

function mayDelete(role, other) {
  return isOver(role, other) || (role === "staff" && other === "owner");
}

const BECAME = { mod: _("{name} is now a moderator."), vip: _("{name} is now a VIP.") };

// What was done, for whoever did it.
export function done(fields, name) {
  const minutes = (seconds) => (seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);
  const words = {
    timeout: () => format(_("{name} cannot write for {length}."), { name, length: minutes(fields.seconds) }),
    ban: () => format(_("{name} is banned."), { name }),
    absolve: () => format(_("{name} may write again."), { name }),
    site_ban: () => format(_("{name} is banned from all chats of this site."), { name }),
    site_absolve: () => format(_("{name} may write in the chats of this site again."), { name }),
    purge: () => format(_("The messages of {name} are deleted."), { name }),
    role: () => format(BECAME[fields.role] ?? _("{name} has no role any more."), { name }),
    set: () => _("The rules of the chat are changed."),
    shield: () => (fields.on ? _("The shield is up.") : _("The shield is down.")),
  };
  return words[fields.do]?.() ?? null; // what is seen at once needs no words
}
