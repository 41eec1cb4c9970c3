"""A channel's page with a chat server that says what a test wants: the real page, styles and scripts, and no site."""

from __future__ import annotations

import json
import mimetypes
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.test import RequestFactory, override_settings
from playwright.sync_api import Page, Route, WebSocketRoute

from accounts.models import Channel, User
from tests.live import CHECKOUT

HOST = "http://chat.test"
SOON_S = 10
EMOJI = ["👍", "❤️", "😂", "🎉", "😮", "👏"]
SETTINGS = {
    "slow_s": 0,
    "followers_only_s": None,
    "emote_only": False,
    "hold_links": "untrusted",
    "shield": False,
    "delay_to_picture": True,
    "emoji": EMOJI,
}
PLAIN_FILES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
Item = dict[str, Any]


def person(number: int, name: str, role: str | None = None) -> Item:
    return {"id": f"u{number}", "name": name, "role": role}


ALICE, BOB, CAROL, MALLORY = person(1, "alice", "owner"), person(2, "bob"), person(3, "carol", "mod"), person(4, "mallory")


def watch_page(you: Item | None) -> str:
    """As Django makes it for somebody who has logged in, or for a stranger."""
    request = RequestFactory().get("/@alice/", SERVER_NAME="chat.test")
    alice = User(pk=1, email="alice@example.org")
    context: dict[str, Any] = {"channel": Channel(name="alice", title="An evening of tests", owner=alice), "followers": 12}
    if you:
        context["user"] = User(pk=int(you["id"][1:]), email="somebody@example.org")
        Channel(name=you["name"], owner=context["user"])
    with override_settings(STORAGES=settings.STORAGES | PLAIN_FILES, ALLOWED_HOSTS=["chat.test"]):
        return render_to_string("streams/watch.html", context, request=request)


class Room:
    """The server's side. It welcomes whoever says hello, and says yes to nothing by itself."""

    def __init__(self, page: Page, you: Item | None = None) -> None:
        self.page, self.you = page, you
        self.sockets: list[WebSocketRoute] = []
        self.frames: list[Item] = []
        self.errors: list[str] = []
        self.welcomes: dict[str, Any] = {}
        self.is_down = False
        self.n = 0
        self.html = watch_page(you)
        page.route(f"{HOST}/**", self._serve)
        page.route_web_socket(re.compile(r"/ws/rooms/alice/$"), self._meet)

    def _serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            file = CHECKOUT / path[1:]
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0])
        elif path == "/live/alice/state":
            route.fulfill(json={"state": "offline", "n": 1, "id": None})
        else:
            route.fulfill(body=self.html, content_type="text/html")

    def _meet(self, socket: WebSocketRoute) -> None:
        if self.is_down:
            socket.close()
            return
        self.sockets.append(socket)
        socket.on_message(lambda data: self._hear(socket, str(data)))

    def _hear(self, socket: WebSocketRoute, data: str) -> None:
        frame = json.loads(data)
        self.frames.append(frame)
        if frame["t"] == "hello":
            socket.send(json.dumps([self.welcome(frame)]))

    def welcome(self, hello: Item) -> Item:
        usual: Item = {"t": "welcome", "you": self.you, "epoch": "k3", "last": self.n, "reset": hello.get("epoch") != "k3"}
        usual |= {"items": [], "settings": SETTINGS, "here": 42, "emoji": EMOJI, "rtc": None, "session": "s", "pin": None}
        return usual | self.welcomes

    # what a test does

    def open(self) -> None:
        self.page.goto(f"{HOST}/@alice/#chat")  # a phone shows it or what the channel says of itself
        self.page.wait_for_selector("chat-panel[data-connection=open]")

    def tell(self, *items: Item) -> None:
        self.sockets[-1].send(json.dumps(items))

    def numbered(self, **item: Any) -> Item:
        self.n += 1
        return {"n": self.n, **item}

    def said(self, by: Item, text: str, **more: Any) -> Item:
        """A message with the next number."""
        return self.numbered(t="msg", by=by, text=text, at=int(time.time() * 1000), **more)

    def say(self, by: Item, text: str, **more: Any) -> Item:
        item = self.said(by, text, **more)
        self.tell(item)
        return item

    def next(self, kind: str) -> Item:
        """The first frame of that kind that was not asked for before."""
        frame = self.until(lambda: next((frame for frame in self.frames if frame["t"] == kind), None))
        self.frames.remove(frame)
        return frame

    def until(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + SOON_S
        while not (found := look()):
            assert time.monotonic() < deadline, self.frames
            self.page.wait_for_timeout(20)
        return found
