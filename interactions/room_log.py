"""A room's log in Redis: what was said and done there, in one order for everybody.

`{NAME}` is the hash tag: a room's keys live on one node. USER is an id of the wire ("u17").

    chat:{NAME}:room             hash: epoch, n (the last item's number), settings (JSON), private
                                 (JSON: settings for the server's eyes), pin (the pinned item's JSON), live (0 or 1), turned
                                 (when it became so, in ms)
    chat:{NAME}:log              stream: entries N-0 with the field `item`; about the last 500, without what was taken back
    chat:{NAME}:nonce:USER:NONCE → n, for a minute: the same nonce is answered the same number
    chat:{NAME}:pace:USER        hash: tokens, at (ms), said (ms), text (its hash)
    chat:{NAME}:out:USER, chat:out:USER   JSON {code, until_ms}: out of the room, of the site
    chat:{NAME}:here             hash: process → "COUNT AT_MS"
    chat:{NAME}:heat             hash: "MEDIA_SECOND:EMOJI" → count
    chat:archive                 stream of all rooms' items: room, epoch, n, item; trimmed by the archiver alone

Two channels: `chat:NAME` carries "EPOCH N ITEM", `rx:NAME` counts of reactions.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from redis.asyncio import Redis

from interactions import room_scripts
from interactions.protocol import Refused, encode
from interactions.room_scripts import LOG_ITEMS
from streams.cache_client import control

__all__ = ["LOG_ITEMS", "Refused"]

ARCHIVE = "chat:archive"
SCANNED = 1000  # keys at a time
HEAT_S = 7200  # where nothing is live, nobody comes for it
FORGOTTEN_S = 60  # presence of a room that nobody counts any more
OVERSTAYS_MS = 86_400_000  # its own time tells when a restriction is over: Redis's clock may be set forward
ALIVE_MS = 15_000  # a process that has said nothing for longer has died


class Entry(NamedTuple):
    n: int
    text: str  # the item's JSON


class State(NamedTuple):
    epoch: str  # empty where there is no such room
    n: int
    settings: dict[str, Any] | None
    private: dict[str, Any]
    pin: str | None
    is_live: bool = False
    turned_ms: int = 0  # when it became so, or stopped


class Out(NamedTuple):
    code: str
    until_ms: int | None


class Pace(NamedTuple):
    burst: int  # so many in half a minute
    slow_ms: int
    now_ms: int


@dataclass(frozen=True)
class Restored:
    """What PostgreSQL knows of a room."""

    settings: dict[str, Any]
    private: dict[str, Any] = field(default_factory=dict)
    restrictions: list[tuple[str | None, str, str, int | None]] = field(default_factory=list)  # room, user, code, until_ms
    is_live: bool = False


@asynccontextmanager
async def connect() -> AsyncIterator[Redis]:
    redis = control()
    try:
        yield redis
    finally:
        await redis.aclose()


def channel(room: str) -> str:
    return f"chat:{room}"


def reactions(room: str) -> str:
    return f"rx:{room}"


def _key(room: str, *rest: str) -> str:
    return ":".join(("chat", "{" + room + "}", *rest))


def _out(room: str | None, user: str) -> str:
    return f"chat:out:{user}" if room is None else _key(room, "out", user)


def _new_epoch() -> str:
    return secrets.token_hex(4)


def _common(room: str, item: Mapping[str, Any]) -> tuple[list[str], list[str | int]]:
    body = encode({name: value for name, value in item.items() if name not in ("t", "n")})
    return [_key(room, "room"), _key(room, "log"), ARCHIVE], [channel(room), room, _new_epoch(), item["t"], body]


# --- writing --------------------------------------------------------------------------------------------------------------


async def say(redis: Redis, room: str, item: Mapping[str, Any], user: str, nonce: str, pace: Pace) -> int:
    """The message's number, also where the nonce has been used before. Raises Refused."""
    keys, args = _common(room, item)
    keys += [_key(room, "nonce", user, nonce), _key(room, "pace", user), _out(room, user), _out(None, user)]
    args += [hashlib.sha256(item["text"].encode()).hexdigest()[:16], *pace]
    answer = await redis.register_script(room_scripts.SAY)(keys=keys, args=args)
    if answer[0] == b"no":
        raise Refused(answer[1].decode(), answer[2] if answer[2] >= 0 else None)
    return int(answer[1])


async def append(redis: Redis, room: str, item: Mapping[str, Any]) -> int:
    """Its number. What `del`, `purge` and `clear` take back is out of the log from here on."""
    return await _append(redis, room, item)


async def rooms(redis: Redis) -> list[str]:
    """Those that it knows."""
    return [key.decode()[len("chat:{") : -len("}:room")] async for key in redis.scan_iter("chat:{*}:room", count=SCANNED)]


async def set_settings(redis: Redis, room: str, settings: Mapping[str, Any], private: Mapping[str, Any]) -> int:
    """PRIVATE is told to nobody: every process reads it when it hears of the change."""
    return await _append(redis, room, {"t": "room", "settings": settings}, encode(settings), encode(private))


async def _append(redis: Redis, room: str, item: Mapping[str, Any], *settings: str) -> int:
    keys, args = _common(room, item)
    return int(await redis.register_script(room_scripts.APPEND)(keys=keys, args=[*args, *settings]))


async def restrict(redis: Redis, room: str | None, user: str, code: str, until_ms: int | None, now_ms: int) -> None:
    """Out of the room, or (None) of the site."""
    await _restrict(redis, room, user, code, until_ms, now_ms, anew=False)


async def _restrict(
    redis: Redis, room: str | None, user: str, code: str, until_ms: int | None, now_ms: int, anew: bool
) -> None:
    if until_ms is None or until_ms > now_ms:
        kept_ms = None if until_ms is None else until_ms - now_ms + OVERSTAYS_MS
        await redis.set(_out(room, user), encode({"code": code, "until_ms": until_ms}), px=kept_ms, nx=anew)


async def absolve(redis: Redis, room: str | None, user: str) -> None:
    await redis.delete(_out(room, user))


async def restore(redis: Redis, room: str, restored: Restored, now_ms: int) -> None:
    """Begin a room that Redis does not know; what it does know stays."""
    for where, user, code, until_ms in restored.restrictions:
        await _restrict(redis, where, user, code, until_ms, now_ms, anew=True)
    keys = [_key(room, "room"), _key(room, "log")]
    args: list[str | int] = [_new_epoch(), encode(restored.settings), encode(restored.private), int(restored.is_live)]
    await redis.eval(room_scripts.BEGIN, len(keys), *keys, *args)


async def move(redis: Redis, before: str, after: str) -> None:
    """A channel is called AFTER now. Only reactions not yet counted move: messages are archived under either name."""
    heat: Any = await redis.hgetall(_key(before, "heat"))
    async with redis.pipeline(transaction=False) as pipe:
        for room in (before, after):  # the new one may have been a room long ago
            async for key in redis.scan_iter(match=_key(room, "*"), count=1000):
                pipe.delete(key)
        for name, count in heat.items():
            pipe.hincrby(_key(after, "heat"), name, int(count))
        await pipe.execute()


# --- reading --------------------------------------------------------------------------------------------------------------


async def state(redis: Redis, room: str) -> State:
    fields = ["epoch", "n", "settings", "private", "pin", "live", "turned"]
    found: Any = await redis.hmget(_key(room, "room"), fields)
    epoch, n, settings, private, pin, live, turned = found
    return State(
        epoch=epoch.decode() if epoch else "",
        n=int(n or 0),
        settings=json.loads(settings) if settings else None,
        private=json.loads(private) if private else {},
        pin=pin.decode() if pin else None,
        is_live=live == b"1",
        turned_ms=int(turned or 0),
    )


async def since(redis: Redis, room: str, n: int) -> list[Entry]:
    """What came after item N and has not been taken back, the oldest first."""
    return _entries(await redis.xrange(_key(room, "log"), min=f"({n}-0"))


async def tail(redis: Redis, room: str, count: int) -> list[Entry]:
    """The last items, the oldest first."""
    return _entries(await redis.xrevrange(_key(room, "log"), count=count))[::-1]


async def message(redis: Redis, room: str, n: int) -> dict[str, Any] | None:
    """The item of this number, if the log still has it."""
    found = _entries(await redis.xrange(_key(room, "log"), min=f"{n}-0", max=f"{n}-0"))
    return json.loads(found[0].text) if found else None


async def out(redis: Redis, room: str, user: str, now_ms: int) -> Out | None:
    """What keeps this user from writing in the room or on the site, if something does."""
    found = [Out(**json.loads(text)) for text in await redis.mget([_out(None, user), _out(room, user)]) if text]
    return next((each for each in found if each.until_ms is None or each.until_ms > now_ms), None)


def _entries(found: Any) -> list[Entry]:
    return [Entry(int(stamp.partition(b"-")[0]), fields[b"item"].decode()) for stamp, fields in found]


# --- presence and reactions -----------------------------------------------------------------------------------------------


async def here(redis: Redis, room: str, process: str, count: int, now_ms: int) -> int:
    """Say how many this process has in the room; how many all have."""
    key = _key(room, "here")
    async with redis.pipeline(transaction=False) as pipe:
        if count:
            pipe.hset(key, process, f"{count} {now_ms}")
            pipe.expire(key, FORGOTTEN_S)
        else:
            pipe.hdel(key, process)
        pipe.hgetall(key)
        return _present((await pipe.execute())[-1], now_ms)


async def present(redis: Redis, room: str, now_ms: int) -> int:
    """How many are in the room."""
    found: Any = await redis.hgetall(_key(room, "here"))
    return _present(found, now_ms)


def _present(counts: Mapping[bytes, bytes], now_ms: int) -> int:
    words = [text.split() for text in counts.values()]
    return sum(int(count) for count, at in words if now_ms - int(at) <= ALIVE_MS)


async def react(redis: Redis, room: str, counts: Mapping[str, int], heat: Mapping[str, int]) -> None:
    """Tell everybody what was tapped in this process; HEAT: "MEDIA_SECOND:EMOJI" → count."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.publish(reactions(room), encode(counts))
        for name, count in heat.items():
            pipe.hincrby(_key(room, "heat"), name, count)
        if heat:
            pipe.expire(_key(room, "heat"), HEAT_S)
        await pipe.execute()


async def drop(redis: Redis, room: str) -> None:
    """Of a channel that goes: who takes its name later begins with an empty room."""
    await redis.delete(*(_key(room, name) for name in ("room", "log", "here", "heat")))
