// Words in the page's language: Django's catalogue has run before any module does (includes/importmap.html); English has none.
// script/messages finds what is in _(…) and in ngettext(…).

export const _ = (text) => globalThis.django?.gettext?.(text) ?? text;

export function ngettext(one, many, count) {
  return globalThis.django?.ngettext?.(one, many, count) ?? (count === 1 ? one : many);
}

// format("{name} is banned.", { name })
export function format(text, given) {
  return text.replace(/\{(\w+)\}/g, (all, name) => given[name] ?? all);
}

// Of numbers and times: the page's, as it is spoken where the reader lives.
const { lang } = document.documentElement;
export const language = navigator.languages.find((one) => one.split("-")[0] === lang) ?? (lang || undefined);
