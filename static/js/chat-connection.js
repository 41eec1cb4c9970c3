// A page's way into a room: by WebSocket at once, by WebRTC as soon as that is there, again after either was lost. Nothing is
// shown twice, and nothing that was written is lost.

import { Outbox } from "live/chat-outbox";
import { Retry } from "live/chat-retry";
import { Sequence } from "live/chat-sequence";
import { Upgrade } from "live/chat-upgrade";

const WELCOME_MS = 10_000;
const LOOK_MS = 1000;
const SETTLED_MS = 10_000; // a connection that has lasted for so long
const CLOSED = { 4001: "banned", 4004: "no_room" };

export class Connection {
  #url;
  #handlers;
  #socket = null;
  #isWelcome = false;
  #goodbye = null; // the server's last words
  #timers = new Set();
  #sequence = new Sequence();
  #outbox = new Outbox();
  #retry = new Retry();
  #upgrade;
  #looking = null;

  // HANDLERS: welcome(item, fresh items, lost frames), take(item), answer(item, frame), state({ name, … }), upgraded(is it)
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    this.#upgrade = new Upgrade({
      offer: (fields) => this.#write(fields),
      hear: (data) => this.#hear(data),
      opened: () => this.#goOver(),
      gone: () => this.#comeBack(),
    });
    addEventListener("online", () => this.#socket || this.#goodbyeIsFinal || this.open());
    addEventListener("offline", () => this.#goodbyeIsFinal || this.#abandon());
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.open());
  }

  open() {
    this.#leave();
    this.#goodbye = null;
    this.#handlers.state({ name: "connecting" });
    const socket = (this.#socket = new WebSocket(this.#url));
    const isOurs = () => socket === this.#socket;
    socket.onopen = () => isOurs() && this.#write({ t: "hello", v: 1, ...this.#sequence.known });
    socket.onmessage = ({ data }) => isOurs() && this.#hear(data);
    socket.onclose = ({ code }) => isOurs() && this.#lost(code);
    this.#after(WELCOME_MS, () => this.#isWelcome || this.#abandon());
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  // Returns the nonce by which the answer will be known. It goes off when there is a connection.
  ask(fields) {
    const frame = { ...fields, nonce: nonce() };
    this.#outbox.add(frame, performance.now());
    if (this.#isWelcome) this.#post(frame);
    return frame.nonce;
  }

  // What is worth nothing later.
  toss(fields) {
    if (!this.#isWelcome) return;
    const text = JSON.stringify(fields);
    if (this.#upgrade.isOpen) this.#upgrade.sendLossy(text);
    else this.#socket.send(text);
  }

  get #goodbyeIsFinal() {
    return this.#goodbye?.isFinal ?? false;
  }

  // --- out --------------------------------------------------------------------------------------------------------------

  #post(frame) {
    this.#outbox.sent(frame.nonce, performance.now());
    if (this.#upgrade.isOpen) this.#upgrade.send(JSON.stringify(frame));
    else this.#write(frame);
  }

  #write(fields) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(fields));
  }

  // --- in ---------------------------------------------------------------------------------------------------------------

  #hear(data) {
    for (const item of JSON.parse(data)) this.#take(item);
  }

  #take(item) {
    const { t } = item;
    if (t === "welcome") this.#welcomed(item);
    else if (t.startsWith("rtc.")) this.#upgrade.hear(item);
    else if (t === "bye" || t === "resync") this.#goodbye = item;
    else if (t === "no" && !this.#isWelcome) this.#refused(item);
    else if ("nonce" in item) this.#answered(item);
    else if (this.#sequence.isNew(item)) this.#handlers.take(item);
  }

  #welcomed(item) {
    const isFirst = !this.#isWelcome;
    this.#isWelcome = true;
    this.#after(SETTLED_MS, () => this.#retry.succeeded());
    const fresh = this.#sequence.begin(item);
    const { again, lost } = isFirst ? this.#outbox.resume(performance.now()) : { again: [], lost: [] };
    this.#handlers.welcome(item, fresh, lost);
    if (!isFirst) return; // another log has begun
    this.#handlers.state({ name: "open" });
    for (const frame of again) this.#post(frame);
    this.#upgrade.begin(item.rtc);
  }

  #refused({ code }) {
    if (code === "no_room") this.#goodbye = { reason: code, isFinal: true };
    else this.#abandon();
  }

  #answered(item) {
    const frame = this.#outbox.answered(item.nonce);
    if (frame) this.#handlers.answer(item, frame);
  }

  // --- from one way to the other ----------------------------------------------------------------------------------------

  #goOver() {
    this.#upgrade.send(JSON.stringify({ t: "switch", last: this.#sequence.last }));
    this.#handlers.upgraded(true);
  }

  #comeBack() {
    this.#handlers.upgraded(false);
    if (!this.#isWelcome) return;
    this.#write({ t: "switch", last: this.#sequence.last });
    const { again, lost } = this.#outbox.resume(performance.now());
    for (const frame of again) this.#post(frame);
    for (const frame of lost) this.#handlers.answer({ t: "no", code: "lost", nonce: frame.nonce }, frame);
  }

  #look() {
    if (!this.#outbox.isOverdue(performance.now())) return;
    if (this.#upgrade.isOpen) this.#upgrade.drop();
    else this.#abandon();
  }

  // --- lost -------------------------------------------------------------------------------------------------------------

  // Without waiting for the other side, which may be far.
  #abandon() {
    this.#lost(1006);
  }

  #lost(code) {
    this.#leave();
    if (code in CLOSED || this.#goodbye?.reason === "banned") {
      this.#goodbye = { reason: CLOSED[code] ?? "banned", isFinal: true };
    }
    const reason = this.#goodbye?.reason;
    if (this.#goodbyeIsFinal) {
      this.#handlers.state({ name: "closed", reason });
    } else if (!navigator.onLine) {
      this.#handlers.state({ name: "offline" });
    } else {
      const inMs = this.#retry.after(this.#goodbye);
      this.#handlers.state({ name: "waiting", reason, inMs });
      this.#after(inMs, () => this.open());
    }
  }

  #leave() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    clearInterval(this.#looking);
    const socket = this.#socket;
    this.#socket = null;
    this.#isWelcome = false;
    this.#upgrade.end();
    socket?.close();
  }

  #after(ms, does) {
    const timer = setTimeout(() => (this.#timers.delete(timer), does()), ms);
    this.#timers.add(timer);
  }
}

// (crypto.randomUUID is for HTTPS alone, and longer than a nonce may be.)
function nonce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
