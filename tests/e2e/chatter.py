"""Somebody in the running site's chat, by a WebSocket through the edge."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from tests.e2e.streamer import Streamer
from tests.live import Site

SOON_S = 10


class Chatter:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.items: list[dict[str, Any]] = []

    def send(self, **fields: Any) -> None:
        self.socket.send(json.dumps(fields))

    def hello(self, **known: Any) -> dict[str, Any]:
        self.send(t="hello", v=1, **known)
        return self.next("welcome")

    def say(self, text: str) -> dict[str, Any]:
        return self.ask(t="say", text=text)

    def spoken(self, text: str) -> int | None:
        """The number of what was said; None where it was not taken."""
        answer = self.say(text)
        return int(answer["n"]) if answer["t"] == "ok" else None

    def mod(self, do: str, **args: Any) -> dict[str, Any]:
        return self.ask(t="mod", do=do, **args)

    def ask(self, **fields: Any) -> dict[str, Any]:
        """The answer."""
        nonce = secrets.token_hex(8)
        self.send(nonce=nonce, **fields)
        return self.find(lambda item: item.get("nonce") == nonce)

    def next(self, kind: str) -> dict[str, Any]:
        return self.find(lambda item: item["t"] == kind)

    def find(self, wanted: Any) -> dict[str, Any]:
        """The first such item that has not been taken yet."""
        deadline = time.monotonic() + SOON_S
        while not any(map(wanted, self.items)):
            self.items += json.loads(self.socket.recv(timeout=max(0.0, deadline - time.monotonic())))
        found = next(filter(wanted, self.items))
        self.items.remove(found)
        return found


@contextmanager
def chatting(site: Site, room: str, person: Streamer | None = None) -> Iterator[Chatter]:
    headers = {"Cookie": f"sessionid={person.cookie}"} if person else {}
    url = f"{site.url.replace('http', 'ws')}/ws/rooms/{room}/"
    with connect(url, origin=Origin(site.url), additional_headers=headers, proxy=None) as socket:
        yield Chatter(socket)
