// Splits what somebody wrote into text, links and mentions. None of it is ever read as HTML.

const FOUND = /(?<link>\b(?:https?:\/\/|www\.)[^\s<>"']+)|(?<![\w@.])@(?<name>[a-z0-9_]{3,30})(?!\w)/giu;
const TRAILING = /[.,:;!?…)\]}'"*_~]+$/u;

// [{ text }, { text, href }, { text, mention }]; together their texts are the whole.
export function parts(text) {
  const found = [];
  let end = 0;
  const add = (part, at) => {
    if (at > end) found.push({ text: text.slice(end, at) });
    found.push(part);
    end = at + part.text.length;
  };
  for (const { 0: whole, index, groups } of text.matchAll(FOUND)) {
    if (groups.name) add({ text: whole, mention: groups.name.toLowerCase() }, index);
    else {
      const shown = trimmed(whole);
      const href = address(shown);
      if (href) add({ text: shown, href }, index);
    }
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

// Without the full stop of the sentence around it; a closing bracket stays where it was opened.
function trimmed(link) {
  const rest = link.replace(TRAILING, "");
  return link[rest.length] === ")" && rest.includes("(") ? link.slice(0, rest.length + 1) : rest;
}

function address(link) {
  try {
    const url = new URL(/^www\./i.test(link) ? `https://${link}` : link);
    const isPlain = ["http:", "https:"].includes(url.protocol) && url.hostname.includes(".");
    return isPlain && !url.username && !url.password ? url.href : null; // youtube.com@evil.example is not what it looks like
  } catch {
    return null;
  }
}

// As the server will have it, for comparing: on one line, composed.
export function plain(text) {
  return text.normalize("NFC").replace(/\s/gu, " ").trim();
}
