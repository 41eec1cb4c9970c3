// Says so when a question is not answered, so that nobody trusts an old state; the streamer's own clock; the preview.

const lost = document.getElementById("poll-failed");
const failed = document.getElementById("action-failed");

document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const words = detail.elt.id === "live" ? lost : failed;
  if (words) words.hidden = detail.successful;
});

for (const zone of document.querySelectorAll(".own-zone")) {
  zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const words = zone.form.querySelector(".zone-words");
  words.textContent = `${words.dataset.own} (${zone.value})`;
}

// Who streams would hear themselves, and so would the microphone.
function hush(page) {
  for (const video of page.querySelectorAll("video")) video.muted = true;
}

// Nothing is loaded before it is asked for, and nothing any more once it is closed.
for (const preview of document.querySelectorAll("details.preview")) {
  preview.addEventListener("toggle", () => {
    const frame = document.createElement("iframe");
    frame.src = preview.dataset.src;
    frame.title = preview.querySelector("summary").textContent;
    frame.allow = "fullscreen; picture-in-picture";
    frame.addEventListener("load", () => hush(frame.contentDocument));
    preview.querySelector(".preview-frame").replaceChildren(...(preview.open ? [frame] : []));
  });
}
