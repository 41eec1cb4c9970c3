// The way of a chat over WebRTC: the data channels `chat` (in order, nothing lost) and `rx` (what is worth nothing later).

const OPEN_MS = 5000;
const SEVERED_MS = 2000; // so long may a connection that broke take to heal

export class Peer {
  #connection;
  #chat;
  #rx;
  #handlers;
  #timer;
  #isOver = false;

  // HANDLERS: offer(sdp) by the WebSocket, hear(data), opened(), gone() – once, however it ends.
  constructor(iceServers, handlers) {
    this.#handlers = handlers;
    this.#connection = new RTCPeerConnection({ iceServers });
    this.#chat = this.#connection.createDataChannel("chat");
    this.#rx = this.#connection.createDataChannel("rx", { ordered: false, maxRetransmits: 0 });
    this.#chat.onopen = () => this.#open();
    this.#chat.onclose = () => this.close();
    this.#chat.onmessage = this.#rx.onmessage = ({ data }) => handlers.hear(data);
    this.#connection.onconnectionstatechange = () => this.#look();
    this.#timer = setTimeout(() => this.close(), OPEN_MS);
    this.#offer();
  }

  // Without candidates, which take a second to gather: the server learns where we are from what we send it.
  async #offer() {
    try {
      await this.#connection.setLocalDescription();
      if (!this.#isOver) this.#handlers.offer(this.#connection.localDescription.sdp);
    } catch {
      this.close();
    }
  }

  async answer(sdp) {
    try {
      await this.#connection.setRemoteDescription({ type: "answer", sdp });
    } catch {
      this.close();
    }
  }

  get isOpen() {
    return this.#chat.readyState === "open";
  }

  send(text) {
    this.#chat.send(text);
  }

  sendLossy(text) {
    (this.#rx.readyState === "open" ? this.#rx : this.#chat).send(text);
  }

  #open() {
    clearTimeout(this.#timer);
    this.#handlers.opened();
  }

  #look() {
    const { connectionState: state } = this.#connection;
    if (state === "failed" || state === "closed") this.close();
    if (!this.isOpen) return;
    clearTimeout(this.#timer);
    if (state === "disconnected") this.#timer = setTimeout(() => this.close(), SEVERED_MS);
  }

  close() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#connection.close();
    this.#handlers.gone();
  }
}
