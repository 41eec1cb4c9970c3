"""Many people in one room's chat: python -m benchmarks.listeners reads a Plan as JSON, and writes what they saw.

Each has a WebSocket to the chat pool itself, under an address of their own; some talk. One loop over epoll, as in generator.py:
the figure is the site's, and this shares its machine. Who is thrown out comes back with what they have, as the page does.
"""

from __future__ import annotations

import base64
import heapq
import json
import os
import random
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

HEAD = """\
GET /ws/rooms/{room}/ HTTP/1.1
Host: {host}
Origin: http://{host}
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: {key}
Sec-WebSocket-Version: 13
X-Forwarded-For: 10.{a}.{b}.{c}
{cookie}
"""
GRACE_S = 2.0  # after the end, for what is still on its way
FIRST_S, LONGEST_S, WELCOME_S = 0.4, 20.0, 10.0  # as chat-retry.js and chat-connection.js have it
LISTED = ("msg", "sys")  # what the room's log numbers here
CLOSE, PING, PONG = 0x88, 0x89, 0x8A
RECEIVED = 1 << 16


@dataclass(frozen=True)
class Plan:
    host: str  # and port
    room: str
    pages: int
    per_second: int  # how many come in a second
    talkers: list[str]  # session cookies
    messages_per_s: float
    reactions_per_s: float
    begin: float  # CLOCK_MONOTONIC: what is said from then on counts
    end: float


@dataclass
class Tally:
    waits_ms: list[float] = field(default_factory=list)  # from a message's way out to each page that reads it
    delivered: int = 0
    frames: int = 0  # with messages
    reaction_frames: int = 0
    lost: int = 0
    again_or_late: int = 0
    said: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    thrown_out: int = 0
    back_at: list[float] = field(default_factory=list)  # CLOCK_MONOTONIC


class Read:
    """A frame's items, read once for all who get it."""

    known: dict[bytes, list[dict[str, Any]]] = {}

    @classmethod
    def items(cls, payload: bytes) -> list[dict[str, Any]]:
        found = cls.known.get(payload)
        if found is None:
            if len(cls.known) > 100:
                cls.known.clear()
            found = cls.known[payload] = json.loads(payload)
        return found


def masked(kind: int, payload: bytes) -> bytes:
    """RFC 6455 5.2, with a mask of zeros."""
    size = len(payload)
    head = bytes([kind, 0x80 | size]) if size < 126 else bytes([kind, 0xFE]) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


class Page:
    def __init__(self, crowd: Crowd, number: int, cookie: str | None) -> None:
        self.crowd, self.number, self.cookie = crowd, number, cookie
        self.epoch: str | None = None
        self.last: int | None = None
        self.returning = False
        self.attempts = self.failures = 0
        self.connect()

    def connect(self) -> None:
        host, _, port = self.crowd.plan.host.partition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.upgraded = self.welcomed = False
        self.attempts += 1
        self.crowd.at(time.monotonic() + WELCOME_S, partial(self.give_up, self.attempts))
        cookie = f"Cookie: sessionid={self.cookie}\n" if self.cookie else ""
        key, number = base64.b64encode(os.urandom(16)).decode(), self.number
        address = {"a": number >> 16 & 255, "b": number >> 8 & 255, "c": number & 255}
        head = HEAD.format(room=self.crowd.plan.room, host=self.crowd.plan.host, key=key, cookie=cookie, **address)
        self.socket.send(head.replace("\n", "\r\n").encode())
        self.crowd.add(self)

    def give_up(self, attempt: int) -> None:
        """Nobody says welcome."""
        if attempt == self.attempts and not self.welcomed:
            self.crowd.lose(self, time.monotonic())

    def send(self, **fields: Any) -> None:
        self.write(0x81, json.dumps(fields).encode())

    def write(self, kind: int, payload: bytes) -> None:
        with suppress(ConnectionError):  # that it is lost is heard
            self.socket.send(masked(kind, payload))

    def hear(self, now: float) -> None:
        try:
            data = self.socket.recv(RECEIVED)
        except ConnectionError:
            data = b""
        if not data:
            self.crowd.lose(self, now)
            return
        self.buffer += data
        if not self.upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self.upgraded, self.buffer = True, rest
            self.send(t="hello", v=1, epoch=self.epoch, last=self.last)
        while (frame := self.next_frame()) is not None:
            kind, payload = frame
            if kind == PING:
                self.write(PONG, payload)
            elif kind != CLOSE:
                self.take(Read.items(payload), now)

    def next_frame(self) -> tuple[int, bytes] | None:
        data = self.buffer
        if len(data) < 2:
            return None
        size, at = data[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        if len(data) < at + size:
            return None
        self.buffer = data[at + size :]
        return data[0], data[at : at + size]

    def take(self, items: list[dict[str, Any]], now: float) -> None:
        tally, counts = self.crowd.tally, self.crowd.plan.begin <= now
        messages = False
        for item in items:
            kind = item["t"]
            if kind in LISTED:
                messages |= kind == "msg"
                self.take_listed(item, now)
            elif kind == "rx":
                tally.reaction_frames += counts
            elif kind == "welcome":
                self.take_welcome(item, now)
            elif kind == "no":
                tally.refused[item["code"]] = tally.refused.get(item["code"], 0) + 1
        tally.frames += messages and counts

    def take_welcome(self, item: dict[str, Any], now: float) -> None:
        self.welcomed = True
        if self.returning:
            self.crowd.tally.back_at.append(now)
        if self.returning and not item["reset"]:
            for missed in item["items"]:
                self.take_listed(missed, None)
        elif self.returning and self.last is not None:
            self.crowd.tally.lost += item["last"] - self.last
        self.epoch, self.last, self.returning, self.failures = item["epoch"], item["last"], False, 0

    def take_listed(self, item: dict[str, Any], now: float | None) -> None:
        """None: it was made up for, and nobody says how long that took."""
        tally, n = self.crowd.tally, item["n"]
        if self.last is None or n <= self.last:
            tally.again_or_late += 1
            return
        tally.lost += n - self.last - 1
        self.last = n
        if item["t"] != "msg":
            return
        sent = float(item["text"].split()[1])
        if sent >= self.crowd.plan.begin:
            tally.delivered += 1
            if now is not None:
                tally.waits_ms.append((now - sent) * 1000)


class Crowd:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.epoll = select.epoll()
        self.pages: dict[int, Page] = {}
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.talkers: deque[Page] = deque()

    def add(self, page: Page) -> None:
        self.pages[page.socket.fileno()] = page
        self.epoll.register(page.socket, select.EPOLLIN)

    def lose(self, page: Page, now: float) -> None:
        del self.pages[page.socket.fileno()]
        self.epoll.unregister(page.socket)
        page.socket.close()
        self.tally.thrown_out += page.welcomed
        page.attempts += 1
        page.returning, page.welcomed = True, False
        self.come_later(page, now)

    def come_later(self, page: Page, now: float) -> None:
        """Those who have not been told when."""
        most_s = min(FIRST_S * 2**page.failures, LONGEST_S)
        page.failures += 1
        self.at(now + most_s * random.uniform(0.5, 1), partial(self.bring_back, page))

    def bring_back(self, page: Page) -> None:
        try:
            page.connect()
        except OSError:
            self.come_later(page, time.monotonic())

    def at(self, moment: float, call: Callable[[], None]) -> None:
        heapq.heappush(self.due, (moment, id(call), call))

    def come(self, number: int) -> None:
        cookies = self.plan.talkers
        page = Page(self, number, cookies[number] if number < len(cookies) else None)
        if page.cookie:
            self.talkers.append(page)

    def say(self) -> None:
        """One after the other, so that nobody talks too much."""
        self.talkers.rotate(-1)
        page = self.talkers[0]
        if page.welcomed and not page.returning:
            page.send(t="say", nonce=os.urandom(6).hex(), text=f"{self.tally.said} {time.monotonic()} {'word ' * 20}")
            self.tally.said += 1

    def react(self) -> None:
        page = random.choice(list(self.pages.values()))
        if page.welcomed:
            page.send(t="react", emoji="👍", count=1, media=int(time.time() * 1000))

    def plan_ahead(self) -> None:
        plan, now = self.plan, time.monotonic()
        for number in range(plan.pages):
            self.at(now + number / plan.per_second, lambda number=number: self.come(number))  # type: ignore[misc]
        for each, rate in ((self.say, plan.messages_per_s), (self.react, plan.reactions_per_s)):
            for number in range(int((plan.end - plan.begin) * rate)):
                self.at(plan.begin + number / rate, each)

    def run(self) -> Tally:
        self.plan_ahead()
        while (now := time.monotonic()) < self.plan.end + GRACE_S:
            while self.due and self.due[0][0] <= now:
                heapq.heappop(self.due)[2]()
            pause = min(self.due[0][0], self.plan.end + GRACE_S) - now if self.due else self.plan.end + GRACE_S - now
            for descriptor, _ in self.epoll.poll(max(0.0, min(pause, 0.05))):
                if page := self.pages.get(descriptor):
                    page.hear(time.monotonic())
        newest = max((page.last or 0 for page in self.pages.values()), default=0)
        self.tally.lost += sum(newest - (page.last or 0) for page in self.pages.values())
        return self.tally


def main() -> None:
    crowd = Crowd(Plan(**json.load(sys.stdin)))
    tally = crowd.run()
    there = sum(page.welcomed and not page.returning for page in crowd.pages.values())
    json.dump(vars(tally) | {"there": there, "cpu_s": time.process_time()}, sys.stdout)


if __name__ == "__main__":
    main()
