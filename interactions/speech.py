"""What somebody does in a room: says something, reports, moderates. Each returns the answer, or raises Refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Protocol

from channels.db import database_sync_to_async
from redis.asyncio import Redis

from interactions import room_log, rules, text
from interactions.protocol import Mod, Refused, Report, Say, near
from interactions.room import Room
from interactions.room_log import Out, Pace, Restored
from interactions.rules import Author, Hold, Settings
from interactions.wire import user_id
from streams.moments import unix_ms

BURST, MODERATORS_BURST = 20, 100  # in half a minute


class Moderation(Protocol):
    """What is decided with PostgreSQL's help: the module `moderation`. All of it is synchronous, and may raise Refused."""

    def author(self, room: str, user_pk: int) -> Author: ...

    def restored(self, room: str) -> Restored: ...

    def queue(self, room: str) -> list[dict[str, Any]]: ...

    def act(self, room: str, author: Author, frame: Mod, now: dt.datetime) -> None: ...

    def report(self, room: str, author: Author, frame: Report, now: dt.datetime) -> None: ...

    def hold(self, room: str, author: Author, frame: Say, reason: str, now: dt.datetime) -> None: ...


def wire_id(author: Author) -> str:
    return user_id(author.id)


def you(author: Author) -> dict[str, Any]:
    return {"id": wire_id(author), "name": author.name, "role": author.role}


async def say(
    redis: Redis,
    moderation: Moderation,
    room: Room,
    author: Author,
    frame: Say,
    now: dt.datetime,
    may_ask: Callable[[], None],
) -> dict[str, Any]:
    """MAY_ASK raises Refused where PostgreSQL has been asked too often."""
    settings = Settings.of(room.settings, room.private)
    verdict = rules.judge(settings, author, frame.text, now)
    if isinstance(verdict, Hold):
        if out := await room_log.out(redis, room.name, wire_id(author), unix_ms(now)):
            raise Refused(out.code, left_ms(out, now))
        may_ask()
        await database_sync_to_async(moderation.hold)(room.name, author, frame, verdict.reason, now)
        return {"t": "held", "nonce": frame.nonce}
    burst = MODERATORS_BURST if author.role in rules.MODERATORS else BURST
    pace = Pace(burst, rules.slow_s(settings, author.role) * 1000, unix_ms(now))
    n = await room_log.say(redis, room.name, message(author, frame, now), wire_id(author), frame.nonce, pace)
    return {"t": "ok", "nonce": frame.nonce, "n": n}


def left_ms(out: Out, now: dt.datetime) -> int | None:
    return None if out.until_ms is None else max(0, out.until_ms - unix_ms(now))


def message(author: Author, frame: Say, now: dt.datetime) -> dict[str, Any]:
    item: dict[str, Any] = {"t": "msg", "by": you(author), "text": frame.text, "at": unix_ms(now)}
    optional = {"re": frame.re, "media": near(frame.media, unix_ms(now)), "mentions": text.mentions(frame.text) or None}
    return item | {name: value for name, value in optional.items() if value is not None}


async def moderate(moderation: Moderation, room: Room, author: Author, frame: Mod, now: dt.datetime) -> dict[str, Any]:
    if author.role not in rules.MODERATORS:  # as far as is known here: who is one is looked up anew below
        raise Refused("forbidden")
    await database_sync_to_async(moderation.act)(room.name, author, frame, now)
    return {"t": "ok", "nonce": frame.nonce}


async def report(moderation: Moderation, room: Room, author: Author, frame: Report, now: dt.datetime) -> dict[str, Any]:
    await database_sync_to_async(moderation.report)(room.name, author, frame, now)
    return {"t": "ok", "nonce": frame.nonce}
