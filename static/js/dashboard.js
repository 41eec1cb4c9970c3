// Says so when a question is not answered, so that nobody trusts an old state.

const lost = document.getElementById("poll-failed");
const failed = document.getElementById("action-failed");

document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const words = detail.elt.id === "live" ? lost : failed;
  words.hidden = detail.successful;
});
