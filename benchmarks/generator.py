"""Many viewers in one process: python -m benchmarks.generator reads a Plan as JSON, and writes what they saw.

Each follows picture and sound as hls.js does, with a connection for each: ask for the list with the next part, which the edge
holds until there is one, fetch that part, ask again. One loop over epoll, without an event loop's machinery: the figure is the
site's, and this shares its machine.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from benchmarks import answers
from benchmarks.answers import Listed

BUFFER = bytearray(1 << 20)
VIEW = memoryview(BUFFER)
HEAD_END = b"\r\n\r\n"
UNKNOWN, CHUNKED = -1, -2  # how much of a body is missing
LAST_CHUNK = b"\r\n0\r\n\r\n"
# As Chromium sends them.
HEADERS = """\
 HTTP/1.1
Host: {host}
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36
Accept: */*
Accept-Language: en-US,en;q=0.9
Accept-Encoding: gzip, deflate, br, zstd
Referer: http://{host}/@alice/
Connection: keep-alive

"""


@dataclass(frozen=True)
class Plan:
    host: str
    port: int
    playlists: list[str]  # paths, one for each rendition that a viewer follows
    viewers: int
    per_second: int  # how many come in a second
    begin: float  # CLOCK_MONOTONIC: what is seen from then on counts
    end: float


@dataclass
class Tally:
    """What all viewers saw: when (CLOCK_MONOTONIC) the lists with a part, and the part, were in hand."""

    lists: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    parts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    requests: int = 0
    received: int = 0
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Follower:
    """One connection of one viewer."""

    # what all of them read is read once
    read: dict[str, Listed] = {}

    def __init__(self, plan: Plan, playlist: str, tally: Tally) -> None:
        self.folder, _, self.name = playlist.rpartition("/")
        self.tally, self.begin = tally, plan.begin
        self.tail = HEADERS.format(host=plan.host).replace("\n", "\r\n")
        self.socket = socket.create_connection(("127.0.0.1", plan.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.parts: list[str] = []  # still to be fetched, the next one last
        self.join()

    def join(self) -> None:
        self.wanted: tuple[int, int] | None = None
        self.ask_list("")

    def ask_list(self, query: str) -> None:
        self.asks_list, self.path = True, f"{self.folder}/{self.name}{query}"
        self.ask()

    def ask_part(self) -> None:
        self.asks_list, self.path = False, f"{self.folder}/{self.parts.pop()}"
        self.ask()

    def ask(self) -> None:
        self.body = b""
        self.missing = UNKNOWN
        self.socket.send(f"GET {self.path}{self.tail}".encode())

    def hear(self) -> None:
        """Something has come."""
        size = self.socket.recv_into(BUFFER)
        if not size:
            raise ConnectionError(f"{self.path}: the edge closed the connection")
        now = time.monotonic()
        if now >= self.begin:
            self.tally.received += size
        if self.missing == UNKNOWN:
            size = self.read_head(size)
        elif self.asks_list or self.missing == CHUNKED:
            self.body += VIEW[:size]
        if self.missing > 0:
            self.missing -= size
        if self.missing == 0 or (self.missing == CHUNKED and self.body.endswith(LAST_CHUNK)):
            self.take(now)

    def read_head(self, size: int) -> int:
        """How much of the body came with it. `missing` becomes the body's length."""
        end = BUFFER.find(HEAD_END, 0, size)
        head = bytes(VIEW[: end + 2]).lower()
        at = head.find(b"content-length: ")
        self.missing = int(head[at + 16 : head.index(b"\r", at)]) if at > 0 else CHUNKED
        self.good = head.startswith(b"http/1.1 200")
        if not self.good:
            self.tally.refused[head[9:12].decode()] += 1
        if self.asks_list or self.missing == CHUNKED:
            self.body = bytes(VIEW[end + 4 : size])
        return size - end - 4

    def take(self, now: float) -> None:
        """The answer is complete."""
        counts = now >= self.begin
        self.tally.requests += counts
        if not self.good:
            self.join()
        elif self.asks_list:
            self.take_list()
            if counts and self.parts:
                self.tally.lists[f"{self.folder}/{self.parts[-1]}"].append(now)
            self.go_on()
        else:
            if counts:
                self.tally.parts[self.path].append(now)
            self.go_on()

    def take_list(self) -> None:
        listed = self.read.get(self.path)
        if listed is None:
            listed = answers.read(plain(self.body, chunked=self.missing == CHUNKED))
            if self.wanted:
                self.read[self.path] = listed
        self.parts = listed.since(*self.wanted)[::-1] if self.wanted else []
        self.wanted, self.query = (listed.msn, listed.part), listed.query()

    def go_on(self) -> None:
        if self.parts:
            self.ask_part()
        else:
            self.ask_list(self.query)


def plain(body: bytes, chunked: bool) -> str:
    if chunked:
        body = b"".join(chunks(body))
    return zlib.decompress(body, 47).decode()  # with gzip's head


def chunks(body: bytes) -> Iterator[bytes]:
    at = 0
    while True:
        line = body.index(b"\r\n", at)
        size = int(body[at:line], 16)
        if not size:
            return
        yield body[line + 2 : line + 2 + size]
        at = line + 2 + size + 2


def watch(plan: Plan) -> Tally:
    """Viewers come one after the other, and all stay to the end."""
    tally, epoll = Tally(), select.epoll()
    followers: dict[int, Follower] = {}
    began = time.monotonic()
    for number in count():
        now = time.monotonic()
        if now >= plan.end:
            return tally
        while len(followers) < min(plan.viewers, (now - began) * plan.per_second) * len(plan.playlists):
            follower = Follower(plan, plan.playlists[len(followers) % len(plan.playlists)], tally)
            followers[follower.socket.fileno()] = follower
            epoll.register(follower.socket, select.EPOLLIN)
        for descriptor, _ in epoll.poll(0.01 if number else 0):
            followers[descriptor].hear()
    raise AssertionError


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    tally = watch(plan)
    json.dump(vars(tally) | {"cpu_s": time.process_time()}, sys.stdout)


if __name__ == "__main__":
    main()
