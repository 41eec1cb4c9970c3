// Forms that a passkey fills in: to make one (`create`), to log in or to prove oneself with one (`get`).

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form);
  });
  form.querySelector("button").disabled = false;
}

async function run(form) {
  const button = form.querySelector("button");
  say(form, "");
  button.disabled = true;
  try {
    form.elements.credential.value = JSON.stringify(await ask(form));
    HTMLFormElement.prototype.submit.call(form);
  } catch (error) {
    say(form, words(form, error));
    button.disabled = false;
  }
}

async function ask(form) {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) throw new DOMException("", "NotSupportedError");
  const { publicKey } = await options(form);
  if (form.dataset.passkey === "create") return create(publicKey, form.elements.passwordless?.checked);
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

function create(publicKey, alone) {
  const residentKey = alone ? "required" : "discouraged";
  const userVerification = alone ? "required" : publicKey.authenticatorSelection.userVerification;
  publicKey.authenticatorSelection = { ...publicKey.authenticatorSelection, residentKey, requireResidentKey: alone, userVerification };
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
}

async function options(form) {
  const data = document.getElementById("passkey-options");
  if (data) return Object.values(JSON.parse(data.textContent))[0];
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.statusText);
  return (await answer.json()).request_options;
}

function words(form, error) {
  const { cancelled, known, unsupported, failed } = form.dataset;
  return { NotAllowedError: cancelled, InvalidStateError: known, NotSupportedError: unsupported, SecurityError: unsupported }[error.name] ?? failed;
}

function say(form, text) {
  const place = form.querySelector(".passkey-says");
  place.textContent = text;
  place.hidden = !text;
}
