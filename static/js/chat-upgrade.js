// Whether this browser's chat goes over WebRTC, and on what it goes now. Where it was in vain once, it is not tried again while
// this tab is open: the WebSocket does as well.

import { Peer } from "live/chat-peer";

const VAIN = "chat-webrtc-in-vain";

export class Upgrade {
  #peer = null;
  #generation = 0;
  #handlers;
  #isOpen = false;

  // HANDLERS: offer(fields) by the WebSocket, hear(data), opened(), gone() – after it was open.
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get isOpen() {
    return this.#isOpen && this.#peer.isOpen;
  }

  // RTC as the welcome has it: null where the server has no room for another peer.
  begin(rtc) {
    this.end();
    if (!rtc || !("RTCPeerConnection" in window) || wasInVain()) return;
    const gen = (this.#generation += 1);
    const peer = (this.#peer = new Peer(rtc.iceServers, {
      offer: (sdp) => this.#handlers.offer({ t: "rtc.offer", gen, sdp }),
      hear: (data) => this.#handlers.hear(data),
      opened: () => ((this.#isOpen = true), this.#handlers.opened()),
      gone: () => peer === this.#peer && this.#gone(),
    }));
  }

  hear({ t, gen, sdp, reason }) {
    if (gen !== this.#generation) return;
    if (t === "rtc.answer") this.#peer?.answer(sdp);
    else if (!["full", "rate"].includes(reason) || this.#isOpen) this.#peer?.close();
    else this.end(); // not now; another time perhaps
  }

  send(text) {
    this.#peer.send(text);
  }

  sendLossy(text) {
    this.#peer.sendLossy(text);
  }

  // Without a word to anybody.
  end() {
    const peer = this.#peer;
    this.#peer = null;
    this.#isOpen = false;
    peer?.close();
  }

  // As if the other side had gone.
  drop() {
    this.#peer?.close();
  }

  #gone() {
    const wasOpen = this.#isOpen;
    this.#peer = null;
    this.#isOpen = false;
    if (wasOpen) this.#handlers.gone();
    else remember();
  }
}

function wasInVain() {
  try {
    return sessionStorage.getItem(VAIN) !== null;
  } catch {
    return false; // no storage: try each time
  }
}

function remember() {
  try {
    sessionStorage.setItem(VAIN, "1");
  } catch {
    // no storage
  }
}
