// What a channel's page says beside the picture: whether it is live, which of its two sides a phone shows.

const ON_AIR = ["live", "reconnecting"];

const player = document.querySelector("live-player");
const now = document.getElementById("now");

function follow() {
  const isOnAir = ON_AIR.includes(player.dataset.state);
  if (isOnAir && now.hidden) begin();
  now.hidden = !isOnAir;
}

// It began while this page was open.
function begin() {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });
  now.querySelector(".watch-since").textContent = format.format(new Date());
}

function showSide() {
  const tabs = [...document.querySelectorAll(".watch-tabs a")];
  const usual = document.querySelector("main.watch-offline") ? "#about" : "#chat";
  const shown = tabs.some(({ hash }) => hash === location.hash) ? location.hash : usual;
  for (const tab of tabs) tab.hash === shown ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current");
}

new MutationObserver(follow).observe(player, { attributeFilter: ["data-state"] });
if (player.dataset.state) follow();
addEventListener("hashchange", showSide);
showSide();
