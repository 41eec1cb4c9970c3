// A message as people see it. Everything that somebody wrote goes in as text.

import { button, element } from "live/chat-dom";
import { parts } from "live/chat-text";
import { ROLES } from "live/chat-words";
import { _, format, language } from "live/i18n";

const GOLDEN_ANGLE = 137.5; // neighbours in number are far apart in colour
const CLOCK = new Intl.DateTimeFormat(language, { timeStyle: "short" });

// ITEM of the log; QUOTED: what it answers, where that is known. YOU may be null.
export function messageElement(item, quoted, you) {
  const isForYou = Boolean(you && item.by.id !== you.id && (item.mentions?.includes(you.name) || quoted?.by.id === you.id));
  const made = element(
    "li",
    { className: "chat-message", tabIndex: -1, "aria-label": spoken(item) },
    item.re === undefined ? null : quoteElement(item.re, quoted),
    element("p", { className: "chat-line" }, ...lineOf(item, you)),
    toolsOf(item),
  );
  made.classList.toggle("chat-for-you", isForYou);
  made.item = item;
  return made;
}

export function lineOf({ by, text }, you) {
  return [...nameOf(by), element("span", { className: "chat-text" }, ...formatted(text, you))];
}

export function timeOf(at) {
  return element("time", { className: "chat-time", dateTime: new Date(at).toISOString() }, CLOCK.format(at));
}

function toolsOf({ by, at }) {
  const more = { className: "chat-more", tabIndex: -1, ariaLabel: format(_("Actions for this message of {name}"), { name: by.name }) };
  return element("span", { className: "chat-tools" }, timeOf(at), button("⋯", () => {}, more));
}

function nameOf({ id, name, role }) {
  const shown = element("b", { className: "chat-name" }, name);
  shown.style.setProperty("--hue", String((Number(id.slice(1)) * GOLDEN_ANGLE) % 360));
  const badge = ROLES[role] && element("span", { className: `chat-badge chat-badge-${role}` }, ROLES[role]);
  return badge ? [badge, " ", shown, ": "] : [shown, ": "];
}

function formatted(text, you) {
  return parts(text).map((part) => {
    if (part.href) return element("a", { href: part.href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, part.text);
    if (part.mention) return element("span", { className: part.mention === you?.name ? "chat-mention chat-mention-you" : "chat-mention" }, part.text);
    return part.text;
  });
}

function quoteElement(re, quoted) {
  const words = quoted ? [`${_("Reply to")} `, element("b", {}, quoted.by.name), ` ${quoted.text}`] : [_("Reply to an earlier message")];
  return element("p", { className: "chat-quote", "data-of": re }, ...words);
}

// What was taken back is not to be read in the answers to it either.
export function forgetQuotes(root, isGone) {
  for (const quote of root.querySelectorAll(".chat-quote")) {
    if (isGone(Number(quote.dataset.of))) quote.replaceChildren(_("Reply to a deleted message"));
  }
}

export function spoken({ by, text }) {
  return `${[ROLES[by.role], by.name].filter(Boolean).join(" ")}: ${text}`;
}
