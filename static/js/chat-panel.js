// <chat-panel channel="NAME">: the chat of a room, in words, messages and deeds. The parts of it know nothing of each other.

import { aboutPerson, actions, isTrusted, moderates } from "live/chat-actions";
import { Connection } from "live/chat-connection";
import { Drafts } from "live/chat-drafts";
import { Feed } from "live/chat-feed";
import { Moderation } from "live/chat-moderation";
import { People } from "live/chat-people";
import { media } from "live/chat-picture";
import { connection as inWords, here, out, OVER, refusal, rules, slowSeconds } from "live/chat-words";
import { _ } from "live/i18n";
import "live/chat-compose";
import "live/chat-log";
import "live/chat-menu";
import "live/chat-pin";
import "live/chat-queue";
import "live/chat-reactions";
import "live/chat-report";

class ChatPanel extends HTMLElement {
  #connection = null;
  #feed;
  #drafts;
  #moderation;
  #people = new People();
  #you = null;
  #settings = {};
  #wasWelcome = false;

  connectedCallback() {
    if (this.#connection) return;
    const channel = this.getAttribute("channel");
    this.#feed = new Feed(this.#log, this.querySelector(".chat-announcer"), channel);
    this.#drafts = new Drafts(this.#log);
    this.#feed.shown = (item) => this.#drafts.take(item);
    this.#feed.gone = (isGone) => this.#gone(isGone);
    const url = `${location.origin.replace(/^http/, "ws")}/ws/rooms/${channel}/`;
    this.#connection = new Connection(url, {
      welcome: (...args) => this.#welcome(...args),
      take: (item) => this.#take(item),
      answer: (item, frame) => this.#answer(item, frame),
      state: (state) => this.#showState(state),
      upgraded: (isPeer) => (this.dataset.transport = isPeer ? "webrtc" : "websocket"),
    });
    this.#moderation = new Moderation(this, this.#connection, this.#feed, this.#people);
    this.#listen();
    this.#connection.open();
  }

  #listen() {
    this.addEventListener("say", (event) => this.#say(event));
    this.#log.addEventListener("click", ({ target }) => target.closest(".chat-more") && this.#openMenu(target.closest("li")));
    this.#log.addEventListener("keydown", (event) => this.#onKey(event));
    this.#reactions.send = (taken) => this.#connection.toss({ t: "react", ...taken, ...media() });
    this.#queue.more = (row) => this.#openMenu(row, aboutPerson(row.item.by, this.#you));
    this.querySelector(".chat-again").addEventListener("click", () => this.#connection.open());
  }

  // --- what comes in ----------------------------------------------------------------------------------------------------

  #welcome(item, fresh, lost) {
    if (item.reset) this.#feed.begin();
    this.#compose?.keepOut(null); // if something still does, it is told next
    this.dataset.transport ??= "websocket";
    this.#become(item.you);
    this.#apply(item.settings);
    this.#showHere(item.here);
    for (const one of fresh) this.#take(one, item.reset);
    this.#showPin(item.pin);
    for (const frame of lost) this.#answer({ t: "no", code: "lost", nonce: frame.nonce }, frame);
    this.#wasWelcome = true;
  }

  #take(item, isHistory = false) {
    if (item.by) this.#people.meet(item.by);
    if (item.t === "room") this.#apply(item.settings);
    else if (item.t === "pin") this.#showPin(item);
    else if (item.t === "here") this.#showHere(item.count);
    else if (item.t === "rx") this.#reactions.hear(item.counts);
    else if (item.t === "role") this.#become({ ...this.#you, role: item.role });
    else if (item.t === "out") this.#showOut(item);
    else if (item.t === "denied") this.#drafts.denied(item.nonce);
    else if (item.t === "queue") this.#queue.add(item);
    else if (item.t === "queue.done") this.#queue.remove(item.id);
    else this.#feed.take(item, isHistory);
  }

  #answer(item, frame) {
    if (frame.t !== "say") this.#moderation.answer(item, frame);
    else if (item.t === "ok") this.#sent(item, frame);
    else if (item.t === "held") this.#drafts.held(item.nonce);
    else {
      const { nonce, ...fields } = frame;
      this.#drafts.failed(nonce, refusal(item.code, item.wait_ms), () => this.#send(fields));
      if (["slow", "rate"].includes(item.code) && item.wait_ms > 0) this.#compose?.wait(item.wait_ms);
    }
  }

  #sent({ nonce, n }) {
    this.#drafts.sent(nonce, n);
    this.#moderation.sent(nonce, n);
    const slow = slowSeconds(this.#settings);
    if (slow && !isTrusted(this.#you?.role)) this.#compose?.wait(slow * 1000);
  }

  // A timeout that begins, or (no code) is lifted.
  #showOut({ code, wait_ms: waitMs }) {
    const wasOut = this.#compose?.isOut;
    this.#compose?.keepOut(code && out(code, waitMs), waitMs, () => this.#feed.note(OVER));
    if (code) this.#feed.note(out(code, waitMs));
    else if (wasOut) this.#feed.note(OVER);
  }

  #gone(isGone) {
    this.#compose?.forget(isGone);
    if (this.#pin.item && isGone(this.#pin.item)) this.#showPin(null);
  }

  // --- what goes out ----------------------------------------------------------------------------------------------------

  #say(event) {
    const { text, re, refuse } = event.detail;
    const found = this.#moderation.command(text);
    if (found?.error) {
      event.preventDefault();
      refuse(found.error);
    } else if (found?.say) {
      found.sent(this.#send({ t: "say", text: found.say, ...media() }));
    } else if (!found) {
      this.#send({ t: "say", text: text.replace(/^\/\//, "/"), ...(re === undefined ? {} : { re }), ...media() });
    }
  }

  #send(fields) {
    const nonce = this.#connection.ask(fields);
    this.#drafts.add(nonce, fields, this.#you);
    return nonce;
  }

  #openMenu(row, list = row?.item && actions(row.item, this.#you, this.#pin.of)) {
    if (!list?.length) return;
    this.#menu.show(row, list, (action) => {
      if (action.fields) this.#moderation.ask(action.fields, row.item.by);
      else if (action.does === "reply") this.#compose?.answer(row.item);
      else if (action.does === "report") this.querySelector("chat-report").ask(row.item, (reason) => this.#moderation.report(row.item, reason));
      else this.querySelector(".chat-sign-in a")?.click();
    });
  }

  #onKey(event) {
    if (event.key === "Escape" && !event.defaultPrevented) this.#compose?.focusText();
    if (!["Enter", " "].includes(event.key) || !event.target.item) return;
    event.preventDefault();
    this.#openMenu(event.target);
  }

  #showPin(item) {
    this.#pin.show(item, this.#you, moderates(this.#you?.role) ? () => this.#moderation.ask({ do: "unpin" }) : null);
  }

  // --- what it says of itself -------------------------------------------------------------------------------------------

  #become(you) {
    this.#you = this.#feed.you = this.#moderation.you = you;
    const isModerator = moderates(you?.role);
    this.toggleAttribute("moderates", isModerator);
    this.#shield.hidden = this.querySelector(".chat-clear").hidden = !isModerator;
    if (!isModerator) this.#queue.clear();
    if (this.#compose) Object.assign(this.#compose, { isModerator, disabled: you === null });
    this.querySelector(".chat-signed-out").hidden = !this.#compose || you !== null;
    this.#showPin(this.#pin.item && { of: this.#pin.of, msg: this.#pin.item });
  }

  #apply(settings) {
    if (slowSeconds(settings) < slowSeconds(this.#settings)) this.#compose?.wait(0);
    this.#settings = settings;
    this.#feed.isDelayed = settings.delay_to_picture !== false;
    this.#reactions.offer(settings.emoji ?? []);
    const line = this.querySelector(".chat-rules");
    line.textContent = rules(settings);
    line.hidden = line.textContent === "";
    this.#shield.ariaPressed = String(Boolean(settings.shield));
    this.#shield.textContent = settings.shield ? _("Lower shield") : _("Shield");
  }

  #showHere(count) {
    this.querySelector(".chat-here").textContent = here(count);
  }

  #showState(state) {
    this.dataset.connection = state.name;
    if (state.name === "connecting") this.#queue.clear(); // what still waits comes anew
    const words = this.#wasWelcome || state.name !== "connecting" ? inWords(state) : "";
    this.querySelector(".chat-state").textContent = words;
    this.querySelector(".chat-again").hidden = !(state.name === "closed" || (state.name === "waiting" && state.inMs > 1500));
    this.querySelector(".chat-foot").inert = state.name === "closed";
    this.#reactions.inert = state.name !== "open";
  }

  get #log() {
    return this.querySelector("chat-log");
  }
  get #compose() {
    return this.querySelector("chat-compose"); // null for who is not signed in
  }
  get #menu() {
    return this.querySelector("chat-menu");
  }
  get #pin() {
    return this.querySelector("chat-pin");
  }
  get #queue() {
    return this.querySelector("chat-queue");
  }
  get #reactions() {
    return this.querySelector("chat-reactions");
  }
  get #shield() {
    return this.querySelector(".chat-shield");
  }
}

customElements.define("chat-panel", ChatPanel);
