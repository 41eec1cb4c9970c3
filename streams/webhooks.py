"""What the RTMP server asks, ahead of Django: may this publisher come in, and what shall its stream be called?

Publishers come back by the hundred: the middleware of pages would hold a thread for each while it waits for its encoders.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
from collections.abc import Coroutine
from typing import Any, NamedTuple

from django.conf import settings
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from streams import gate, ingest, logged, metrics, publishing
from streams.asgi import Message, Receive, Send, body
from streams.ingest import BadEvent, PublishEvent
from streams.models import Broadcast
from streams.refusals import PublishRefused
from streams.turns import NoTurn, Turns

log = logging.getLogger(__name__)

PATH = "/internal/rtmp/"  # SECRET/BOOT/
AT_WORK = 24  # publishers in each process, most of whom wait for their encoders
TURN_S = 5.0  # where hundreds come at once, some are told to come again: served later, they would find that it has

_turns = Turns(AT_WORK, TURN_S)


class Answer(NamedTuple):
    status: int
    words: dict[str, Any]
    name: str = ""  # what the stream is called from here on


NOT_FOUND = Answer(404, {"code": 1, "reason": "not_found"})
POST_ONLY = Answer(405, {"code": 1, "reason": "post_only"})


async def hook(scope: Message, receive: Receive, send: Send) -> None:
    """An ASGI application."""
    logged.note(request=secrets.token_hex(8))
    secret, _, boot = scope["path"].removeprefix(PATH).strip("/").partition("/")
    if _came_through_the_edge(scope) or not hmac.compare_digest(secret.encode(), settings.RTMP_HOOK_SECRET.encode()):
        await _send(NOT_FOUND, send)
    elif scope["method"] != "POST":
        await _send(POST_ONLY, send)
    else:
        await _send(await _answer(await body(receive, ingest.LONGEST_BODY), boot, receive), send)


def _came_through_the_edge(scope: Message) -> bool:
    return any(name == b"x-edge" for name, _ in scope["headers"])


async def _answer(heard: bytes, boot: str, receive: Receive) -> Answer:
    try:
        event = ingest.parse(heard, boot)
    except BadEvent as error:
        log.info("publisher refused: %s", error.code)
        metrics.hooks.labels("unreadable", error.code).inc()
        return _refusal(error.code)
    try:
        answer, outcome = await _heard(event, receive)
    except PublishRefused as refused:
        answer, outcome = _refusal(refused.reason), refused.reason
        log.info("publisher from %s refused: %s", event.addr, refused.reason)
    except (DatabaseError, RedisError) as error:  # whoever has left is missed by the reconciler
        answer, outcome = _refusal("unavailable"), "unavailable"
        log.warning("%s of %s: %s", event.kind, event.session, type(error).__name__)
    metrics.hooks.labels(event.kind, outcome).inc()
    return answer


async def _heard(event: PublishEvent, receive: Receive) -> tuple[Answer, str]:
    """And what became of it, for the metrics. Raises PublishRefused."""
    if gate.blocks.holds(event):
        return _refusal("blocked"), "blocked"
    if event.kind == "publish_done":
        left = await publishing.leave(event)
        if left:
            log.info("publisher %s left", event.session)
        return Answer(200, {"code": 0}), "left" if left else "of_nothing_open"
    broadcast = await _while_asked(_in_turn(event), receive)
    return Answer(302, {"code": 0}, broadcast.ingest_name), "accepted"


async def _in_turn(event: PublishEvent) -> Broadcast:
    try:
        async with _turns.turn():
            return await publishing.publish(event)
    except NoTurn:
        raise PublishRefused("unavailable") from None


async def _while_asked(coming: Coroutine[Any, Any, Broadcast], receive: Receive) -> Broadcast:
    """Nobody comes in for a server that has ended, or given up: its publisher is another's by now. Raises PublishRefused."""
    tasks = asyncio.create_task(coming), asyncio.create_task(_hung_up(receive))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise PublishRefused("stopped")
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _refusal(reason: str) -> Answer:
    return Answer(403, {"code": 1, "reason": reason})


async def _send(answer: Answer, send: Send) -> None:
    """A Location that is no URL: the server takes it as the stream's new name."""
    words = json.dumps(answer.words).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(words)).encode())]
    if answer.name:
        headers.append((b"location", answer.name.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
