"""Chatters, light enough for fifty of them: each says something now and then, and comes back as the page does."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets import ConnectionClosed, InvalidHandshake, Origin
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.streamer import Streamer

CALM_S = 0.4  # before it is tried again, where nobody has said when
PAUSES_S = (4.0, 8.0)  # from one thing that is said to the next


@dataclass
class Chatter:
    person: Streamer
    room: str
    talks: threading.Event
    read: list[str] = field(default_factory=list)  # what was said, as it came
    said: dict[str, str] = field(default_factory=dict)  # by its nonce, what nobody has answered yet
    acknowledged: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    away_s: list[float] = field(default_factory=list)  # from each loss until the next welcome
    lost_at: float | None = None
    known: dict[str, Any] = field(default_factory=dict)  # what a hello says
    is_welcome: bool = False

    async def chat(self) -> None:
        site = self.person.site
        url = f"{site.url.replace('http', 'ws')}/ws/rooms/{self.room}/"
        headers = {"Cookie": f"sessionid={self.person.cookie}"}
        while True:
            self.retry_s = CALM_S
            try:
                async with connect(url, origin=Origin(site.url), additional_headers=headers, proxy=None) as socket:
                    await self._converse(socket)
            except (OSError, ConnectionClosed, InvalidHandshake) as error:
                self.refused[type(error).__name__] += 1
            self._lost()
            await asyncio.sleep(self.retry_s)

    async def _converse(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"t": "hello", "v": 1, **self.known}))
        talking = asyncio.create_task(self._talk(socket))
        try:
            async for text in socket:
                for item in json.loads(text):
                    await self._take(item, socket)
        finally:
            talking.cancel()

    async def _talk(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(random.uniform(*PAUSES_S))
            if self.talks.is_set() and self.is_welcome:
                nonce = secrets.token_hex(8)
                self.said[nonce] = f"{self.person.name} says {nonce}"
                with suppress(ConnectionClosed):  # it is said again when this one is back
                    await self._say(socket, nonce)

    async def _say(self, socket: ClientConnection, nonce: str) -> None:
        await socket.send(json.dumps({"t": "say", "text": self.said[nonce], "nonce": nonce}))

    async def _take(self, item: dict[str, Any], socket: ClientConnection) -> None:
        if item["t"] == "welcome":
            await self._come_in(item, socket)
        elif item["t"] == "bye":
            self.retry_s = item["retry_ms"] / 1000
            self._lost()
        elif item.get("nonce") in self.said:
            self._answered(item, self.said.pop(item["nonce"]))
        elif "n" in item:
            self._read(item)

    async def _come_in(self, item: dict[str, Any], socket: ClientConnection) -> None:
        if self.lost_at is not None:
            self.away_s.append(time.monotonic() - self.lost_at)
        if self.known:  # what was said before somebody came is not theirs to miss
            for missed in item["items"]:
                self._read(missed)
        self.known = {"epoch": item["epoch"], "last": item["last"]}
        self.lost_at, self.is_welcome = None, True
        for nonce in list(self.said):
            await self._say(socket, nonce)

    def _answered(self, item: dict[str, Any], text: str) -> None:
        if item["t"] == "no":
            self.refused[item["code"]] += 1
        else:
            self.acknowledged.append(text)

    def _read(self, item: dict[str, Any]) -> None:
        self.known["last"] = max(self.known["last"], item["n"])
        if item["t"] == "msg":
            self.read.append(item["text"])

    def _lost(self) -> None:
        self.is_welcome = False
        self.lost_at = self.lost_at or time.monotonic()
