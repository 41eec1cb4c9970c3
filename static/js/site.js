// What every page has: menus that close, colours that change without a reload, lists that follow their filters.

const YEAR_S = 365 * 24 * 3600;

function closeMenus(but = null) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(but)) menu.open = false;
}

document.addEventListener("click", ({ target }) => closeMenus(target));
document.addEventListener("focusin", ({ target }) => closeMenus(target));
document.addEventListener("keydown", ({ key, target }) => {
  if (key !== "Escape") return;
  target.closest("details.menu[open]")?.querySelector("summary").focus();
  closeMenus();
});

document.querySelector(".theme-switch")?.addEventListener("submit", (event) => {
  const chosen = event.submitter.value;
  event.preventDefault();
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${chosen}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
  document.documentElement.dataset.bsTheme = chosen;
  for (const button of event.target.querySelectorAll("button")) button.ariaPressed = String(button === event.submitter);
});

for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
  form.classList.add("is-automatic");
  form.addEventListener("change", () => form.requestSubmit());
}
