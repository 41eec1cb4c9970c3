// A button of the panel that asks again, in a dialog, before it does what cannot be undone.

export function confirmed(panel, name, does) {
  const dialog = panel.querySelector(`.chat-${name}-dialog`);
  panel.querySelector(`.chat-${name}`).addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", does);
}
