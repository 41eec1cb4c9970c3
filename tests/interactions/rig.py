"""What tests of chat share: the control Redis, a room that nobody else has, and what is said there."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
import uvicorn
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from interactions import room_log
from interactions.chat import Chat
from interactions.protocol import Mod, Refused, Report, Say
from interactions.room_log import Pace, Restored
from interactions.routing import Application
from interactions.rules import Author
from livestream.worker import Worker

NOW = 1_700_000_000_000  # Unix ms: rules are given their time
SETTINGS: dict[str, Any] = {"slow_s": 0, "emoji": ["👍", "❤️"]}
QUICK = Pace(burst=1000, slow_ms=0, now_ms=NOW)


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    async with room_log.connect() as client:
        yield client


def random_room() -> str:
    return f"room_{secrets.token_hex(8)}"


@pytest.fixture
async def room(redis: Redis) -> AsyncIterator[str]:
    name = random_room()
    await room_log.restore(redis, name, Restored(SETTINGS), NOW)
    yield name
    await forget(redis, name)


async def forget(redis: Redis, name: str) -> None:
    """What Redis keeps of a room, but for the archive."""
    if keys := await redis.keys(f"chat:{{{name}}}:*"):
        await redis.delete(*keys)


def nonce() -> str:
    return secrets.token_hex(8)


def msg(text: str, by: str = "u1") -> dict[str, Any]:
    return {"t": "msg", "by": {"id": by, "name": by, "role": None}, "text": text, "at": NOW}


async def say(redis: Redis, room: str, text: str, by: str = "u1") -> int:
    return await room_log.say(redis, room, msg(text, by), by, nonce(), QUICK)


async def texts(redis: Redis, room: str) -> list[str]:
    """The messages that the log still has."""
    items = [json.loads(entry.text) for entry in await room_log.since(redis, room, 0)]
    return [item["text"] for item in items if item["t"] == "msg"]


# --- a chat process in the test's own loop --------------------------------------------------------------------------------

SOON_S = 3.0
USERS = {17: ("bob", None), 18: ("carol", "mod"), 19: ("mallory", None)}


class FakeModeration:
    """What PostgreSQL would know: every room is there but "nobody_here"; links are held by the real rules."""

    def __init__(self) -> None:
        self.identified: list[int] = []  # whom somebody has asked about
        self.done: list[tuple[str, int, Mod | Report | Say]] = []
        self.private: dict[str, Any] = {}
        self.roles = {pk: role for pk, (_, role) in USERS.items()}
        self.follows: dict[int, dt.datetime] = {}

    def author(self, room: str, user_pk: int) -> Author:
        self.identified.append(user_pk)
        long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        name, _ = USERS.get(user_pk, (f"user{user_pk}", None))
        return Author(user_pk, name, self.roles.get(user_pk), self.follows.get(user_pk), long_ago)

    def restored(self, room: str) -> Restored:
        if room == "nobody_here":
            raise Refused("no_room")
        return Restored(SETTINGS, self.private)

    def queue(self, room: str) -> list[dict[str, Any]]:
        return [{"t": "queue", "id": 1}]

    def act(self, room: str, author: Author, frame: Mod, now: dt.datetime) -> None:
        if author.role != "mod":
            raise Refused("forbidden")
        self.done.append((room, author.id, frame))

    def report(self, room: str, author: Author, frame: Report, now: dt.datetime) -> None:
        self.done.append((room, author.id, frame))

    def hold(self, room: str, author: Author, frame: Say, reason: str, now: dt.datetime) -> None:
        self.done.append((room, author.id, frame))


async def who(scope: Any) -> int | None:
    """A header in a session's place."""
    named = [value for name, value in scope["headers"] if name == b"x-user"]
    return int(named[0]) if named else None


class Server:
    """uvicorn as the chat pool runs it, with the real application."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        options = Worker.CONFIG_KWARGS | {"loop": "none", "access_log": False}
        config = uvicorn.Config(Application(chat), port=0, log_config=None, forwarded_allow_ips="127.0.0.1", **options)
        self.uvicorn = uvicorn.Server(config)

    async def __aenter__(self) -> Self:
        self.uvicorn.config.load()
        self.uvicorn.lifespan = self.uvicorn.config.lifespan_class(self.uvicorn.config)
        await self.uvicorn.startup()
        self.port = self.uvicorn.servers[0].sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self.chat.hub.close()
        await self.chat.hub.redis.aclose()

    async def stop(self) -> None:
        """As at a SIGTERM."""
        async with asyncio.timeout(10):
            await self.uvicorn.shutdown()


@pytest.fixture
def moderation() -> FakeModeration:
    return FakeModeration()


@pytest.fixture
async def server(moderation: FakeModeration) -> AsyncIterator[Server]:
    async with Server(Chat(moderation, who)) as running:
        yield running


class Client:
    """A page: keeps what it is sent, by kind, and the items of the log in the order in which they came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.items: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []  # as a page has it: without what it had before
        self.again = 0  # items that came once more
        self.last = 0
        self.frames = 0
        self.changed = asyncio.Event()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(Exception):
            async for text in self.socket:
                self.take(text)
        self.changed.set()

    def take(self, text: str | bytes) -> None:
        self.frames += 1
        for item in json.loads(text):
            self.items.append(item)
            if item["t"] == "welcome":
                self.log += item["items"]
                self.last = item["last"]
            elif "n" in item and item["t"] not in ("ok",):
                if item["n"] <= self.last:
                    self.again += 1
                else:
                    self.last = item["n"]
                    self.log.append(item)
        self.changed.set()

    async def send(self, **fields: Any) -> None:
        await self.socket.send(json.dumps(fields, ensure_ascii=False))

    async def hello(self, **more: Any) -> dict[str, Any]:
        await self.send(t="hello", v=1, **more)
        return await self.next("welcome")

    async def say(self, text: str, **more: Any) -> dict[str, Any]:
        """The answer to it."""
        mark = nonce()
        await self.send(**{"t": "say", "nonce": mark, "text": text} | more)
        return await self.find(lambda item: item.get("nonce") == more.get("nonce", mark) and item["t"] in ("ok", "no", "held"))

    async def next(self, kind: str) -> dict[str, Any]:
        return await self.find(lambda item: item["t"] == kind)

    async def find(self, wanted: Any) -> dict[str, Any]:
        """The first such item that has not been taken yet."""
        await self.until(lambda: any(map(wanted, self.items)))
        found = next(filter(wanted, self.items))
        self.items.remove(found)
        return found

    async def until(self, condition: Any, within_s: float = SOON_S) -> None:
        async with asyncio.timeout(within_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def closed(self) -> int | None:
        """The code by which the connection was closed."""
        async with asyncio.timeout(SOON_S + 2):
            await self.socket.wait_closed()
            await self.reading
        return self.socket.close_code

    def texts(self) -> list[str]:
        return [item["text"] for item in self.log if item["t"] == "msg"]


@asynccontextmanager
async def client(server: Server, room: str, user: int | None = None, **options: Any) -> AsyncIterator[Client]:
    headers = {"Origin": f"http://127.0.0.1:{server.port}"} | options.pop("headers", {})
    if user is not None:
        headers["x-user"] = str(user)
    url = f"ws://127.0.0.1:{server.port}/ws/rooms/{room}/"
    async with connect(url, additional_headers=headers, proxy=None, **options) as socket:
        found = Client(socket)
        try:
            yield found
        finally:
            found.reading.cancel()
