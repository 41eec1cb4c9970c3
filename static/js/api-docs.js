// Swagger UI has a dark look of its own, which it does not put on by itself. Runs before the first paint.

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function show() {
  root.classList.toggle("dark-mode", root.dataset.theme === "dark" || (root.dataset.theme === "auto" && system.matches));
}

system.addEventListener("change", show);
show();
