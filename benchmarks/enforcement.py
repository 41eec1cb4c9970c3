"""How soon what a moderator does is in force, for people on every chat process."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ONLOOKERS = 16  # the kernel spreads them over the processes
ADDRESSES = 70_000  # theirs begin here
PATIENCE_S = 10

Item = dict[str, Any]


class Guest:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **fields: Any) -> None:
        await self.socket.send(json.dumps(fields))

    async def until(self, wanted: Callable[[Item], bool]) -> tuple[Item, float]:
        """The item, and when it came (CLOCK_MONOTONIC)."""
        async with asyncio.timeout(PATIENCE_S):
            async for text in self.socket:
                for item in json.loads(text):
                    if wanted(item):
                        return item, time.monotonic()
        raise AssertionError("the connection ended")

    async def closed(self) -> float:
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed:
                return time.monotonic()


@asynccontextmanager
async def guest(host: str, room: str, number: int, cookie: str | None = None) -> AsyncIterator[Guest]:
    number += ADDRESSES
    headers = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", "Origin": f"http://{host}"}
    if cookie:
        headers["Cookie"] = f"sessionid={cookie}"
    url = f"ws://{host}/ws/rooms/{room}/"
    async with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
        found = Guest(socket)
        await found.send(t="hello", v=1)
        await found.until(lambda item: item["t"] == "welcome")
        yield found


async def measure(host: str, room: str, moderator: str, offenders: list[str]) -> dict[str, list[float]]:
    """In ms, for each of OFFENDERS: a message is deleted before the last onlooker's eyes; its author, banned, is out."""
    async with AsyncExitStack() as stack:
        onlookers = [await stack.enter_async_context(guest(host, room, number)) for number in range(ONLOOKERS)]
        alice = await stack.enter_async_context(guest(host, room, ONLOOKERS, moderator))
        found: dict[str, list[float]] = {"deleted_ms": [], "closed_ms": []}
        for number, cookie in enumerate(offenders, ONLOOKERS + 1):
            async with guest(host, room, number, cookie) as mallory:
                deleted, closed = await rid(alice, mallory, onlookers)
            found["deleted_ms"].append(round(deleted * 1000, 1))
            found["closed_ms"].append(round(closed * 1000, 1))
        return found


async def rid(alice: Guest, mallory: Guest, onlookers: list[Guest]) -> tuple[float, float]:
    nonce = secrets.token_hex(6)
    await mallory.send(t="say", nonce=nonce, text=f"offence {nonce}")
    said, _ = await alice.until(lambda item: item["t"] == "msg" and nonce in item["text"])
    began = time.monotonic()
    await alice.send(t="mod", nonce=secrets.token_hex(6), do="delete", of=said["n"])
    seen = await asyncio.gather(
        *(each.until(lambda item: item["t"] == "del" and said["n"] in item["of"]) for each in onlookers)
    )
    banned = time.monotonic()
    await alice.send(t="mod", nonce=secrets.token_hex(6), do="ban", user=said["by"]["id"])
    return max(at for _, at in seen) - began, await mallory.closed() - banned
