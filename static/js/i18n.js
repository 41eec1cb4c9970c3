export const _ = (text) => globalThis.django?.gettext?.(text) ?? text;
