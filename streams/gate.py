"""Ahead of Django: whoever has guessed too many keys is refused from this process's memory, with no look into a store."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from django.conf import settings

from streams import ingest, metrics
from streams.addresses import network
from streams.ingest import PublishEvent

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

PATH = "/internal/rtmp/"


class Block(NamedTuple):
    until: float  # by time.monotonic()
    session: str  # the first that was refused


class Blocks:
    """By network, until each is over."""

    def __init__(self) -> None:
        self._blocks: dict[str, Block] = {}

    def add(self, who: str, seconds: float, session: str) -> None:
        now = time.monotonic()
        self._blocks = {each: block for each, block in self._blocks.items() if block.until > now}
        self._blocks.setdefault(who, Block(now + seconds, session))

    def __len__(self) -> int:
        return len(self._blocks)

    def holds(self, event: PublishEvent) -> bool:
        """Whether it is of a publisher who is refused, or was: one of before may still be on air."""
        block = self._blocks.get(network(event.addr))
        if block is None or block.until <= time.monotonic():
            return False
        return event.kind == "publish" or ingest.is_older(block.session, event.session)


blocks = Blocks()


class Gate:
    """An ASGI application."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        secret, _, boot = scope["path"].removeprefix(PATH).strip("/").partition("/")
        if scope["method"] != "POST" or not hmac.compare_digest(secret.encode(), settings.RTMP_HOOK_SECRET.encode()):
            return await self.application(scope, receive, send)
        heard = await _heard(receive)
        event = _parsed(_body(heard), boot)
        if event is None or not blocks.holds(event):
            return await self.application(scope, _again(heard, receive), send)
        metrics.hooks.labels(event.kind, "blocked").inc()
        await _refuse(send)


async def _heard(receive: Receive) -> list[Message]:
    """No more of the body than a hook may have, and a little."""
    heard = [await receive()]
    while heard[-1].get("more_body") and len(_body(heard)) <= ingest.LONGEST_BODY:
        heard.append(await receive())
    return heard


def _body(heard: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in heard)


def _parsed(body: bytes, boot: str) -> PublishEvent | None:
    try:
        return ingest.parse(body, boot)
    except ingest.BadEvent:
        return None


def _again(heard: list[Message], receive: Receive) -> Receive:
    async def next_one() -> Message:
        return heard.pop(0) if heard else await receive()

    return next_one


async def _refuse(send: Send) -> None:
    body = json.dumps({"code": 1, "reason": "blocked"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
