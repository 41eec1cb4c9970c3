"""A browser whose page has the chat beside the picture."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.e2e.watcher import Watcher

READY_S = 20

# When what happened (ms since the page began): an offer was begun, a channel was open, the picture moved. And what scripts do
# that came in as somebody's text.
NOTE = """
window.noted = { pwned: [] };
window.pwn = (how) => window.noted.pwned.push(how);
const make = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (label, ...more) {
  const channel = make.call(this, label, ...more);
  noted.offered ??= performance.now();
  channel.addEventListener("open", () => (noted[label] ??= performance.now()));
  return channel;
};
document.addEventListener("playing", () => (noted.playing ??= performance.now()), true);
"""


class ChatViewer(Watcher):
    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.by_socket: list[dict[str, Any]] = []
        page.add_init_script(NOTE)
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: self.by_socket.extend(json.loads(data)))

    @property
    def noted(self) -> dict[str, Any]:
        return self.page.evaluate("window.noted")

    def connects(self, transport: str = "webrtc") -> None:
        """Its chat is there, and goes that way."""
        self.page.wait_for_selector(f"chat-panel[data-transport={transport}][data-connection=open]", timeout=READY_S * 1000)

    def write(self, text: str) -> None:
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.keyboard.press("Enter")

    def row(self, text: str) -> Locator:
        with_text = self.page.locator(".chat-text").get_by_text(text, exact=True)
        return self.page.locator(".chat-message:not(.chat-draft)").filter(has=with_text)

    def reads(self, text: str, within_s: float = 10) -> None:
        """Exactly once, and not as a draft of one's own."""
        expect(self.row(text)).to_have_count(1, timeout=within_s * 1000)

    def texts(self) -> list[str]:
        return self.page.locator(".chat-message .chat-text").all_text_contents()

    def act(self, text: str, action: str) -> None:
        self.row(text).hover()
        self.row(text).get_by_role("button", name="Actions").click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()

    def is_told_by_socket(self, kind: str) -> bool:
        self.page.evaluate("0")  # events come in while the page is asked something
        return any(item["t"] == kind for item in self.by_socket)


def enter(page: Page, room: Streamer) -> ChatViewer:
    """The page of a channel, in its chat, whichever way."""
    viewer = ChatViewer(page)
    viewer.open(room)
    page.wait_for_selector("chat-panel[data-connection=open]", timeout=READY_S * 1000)
    return viewer


def floats(viewer: ChatViewer) -> None:
    """Something rises over its picture."""
    until(lambda: viewer.page.locator(".chat-floats span").count(), 5, viewer.texts)
