"""What is live, in Redis: constants, segment clock, timelines, init sections and parts.

Every write of an encode job (`streams.cache_writer`) is one Lua script that refuses an epoch lower than the stored one, so that
a paused worker's late writes are harmless. `{ID}` is the hash tag: a broadcast's keys live on one node.

    hls:{ID}:master      hash: began_ms, part_ms, expected; r:NAME → Variant or "absent"; again:NAME; sealed, target_s; ended
    hls:{ID}:clock       hash: era, offset_ms, pairs ("MSN@PTS …", the newest last), at_ms (when that was), next, shape; before:
                         era, offset and pairs of the era before
    hls:{ID}:R           hash: epoch, n (the last record's number), init (the last init's number), frames (of this epoch);
                         offered (by this epoch), from (which segment on the next one writes)
    hls:{ID}:R:timeline  list of records
    hls:{ID}:R:init:N, hls:{ID}:R:part:EPOCH-N
    hls:{ID}:ingest      hash: rendition → what its job measured
    hls:{ID}:health      list: what came in each of the last seconds, the newest last
    hls:{ID}:thumbnail   JPEG
    live:{NAME}          what the channel's page shows

Three channels: `hls:{ID}` carries "RENDITION RECORD", "master" and "end"; `clock:{ID}` says that the segment clock has
changed, and `picture:{ID}` "ERA PTS", how far the picture has got.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

from asgiref.sync import async_to_sync
from redis.asyncio import Redis

from streams import cache_scripts
from streams.cache_client import segments
from streams.cache_scripts import PART_TTL_S, TTL_S
from streams.hls.playlist import Constants, Variant
from streams.hls.timeline import Record, decode

__all__ = ["PART_TTL_S"]

T = TypeVar("T")

THUMBNAIL_S = 600  # the last one is made a poster soon after the end
HEALTH_SAMPLES = 600  # ten minutes


@asynccontextmanager
async def connect() -> AsyncIterator[Redis]:
    redis = segments()
    try:
        yield redis
    finally:
        await redis.aclose()


def with_segments(call: Callable[[Redis], Awaitable[T]]) -> T:
    """For synchronous code: a connection for one CALL."""

    async def run() -> T:
        async with connect() as redis:
            return await call(redis)

    return async_to_sync(run)()


class Tick(NamedTuple):
    """A segment, as the clock has it."""

    msn: int
    era: int
    offset_ms: int  # wall clock minus presentation time


class Clock(NamedTuple):
    """What the segment clock knows."""

    era: int
    offset_ms: int
    pairs: list[tuple[int, int]]  # media sequence number and presentation time, the newest last
    at_ms: int  # when the newest was announced, Unix
    shape: int  # counts the changes of the picture's size

    def encode(self) -> str:
        """For a Redis that was emptied; nothing before the era's first segment."""
        if not self.pairs:
            return ""
        pairs = "".join(f"{msn}@{pts} " for msn, pts in self.pairs)
        return json.dumps(self._asdict() | {"pairs": pairs, "last": self.pairs[-1][0]})


def key_of(broadcast_id: str, *rest: str) -> str:
    return ":".join(("hls", "{" + broadcast_id + "}", *rest))


# --- life of a broadcast --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a broadcast before its first frame."""

    broadcast_id: str
    began_ms: int  # Unix
    part_ms: int
    expected: list[str]  # renditions

    def fields(self) -> list[str]:
        return ["began_ms", str(self.began_ms), "part_ms", str(self.part_ms), "expected", ",".join(self.expected)]


async def open_broadcast(redis: Redis, opening: Opening) -> None:
    key = key_of(opening.broadcast_id, "master")
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, items=opening.fields())
        pipe.expire(key, TTL_S)
        await pipe.execute()


async def end_broadcast(redis: Redis, broadcast_id: str, renditions: list[str]) -> None:
    """Close every playlist; what encoders still write is refused from here on."""
    keys = [key_of(broadcast_id, "master")]
    await redis.eval(cache_scripts.END, len(keys), *keys, str(TTL_S), json.dumps(renditions), f"hls:{broadcast_id}")


async def resume_broadcast(redis: Redis, broadcast_id: str, now_ms: int) -> None:
    """Another publisher goes on with it: in an era of its own, and measured anew."""
    key = key_of(broadcast_id, "clock")
    await redis.eval(cache_scripts.RESUME, 1, key, str(now_ms), f"clock:{broadcast_id}")
    await redis.delete(key_of(broadcast_id, "ingest"))


async def keep_parts(redis: Redis, broadcast_id: str, renditions: list[str], seconds: int) -> None:
    """What is listed now is there for so long, and a window more."""
    for rendition in renditions:
        parts, ttl_s = key_of(broadcast_id, rendition, "part", ""), seconds + PART_TTL_S
        await redis.eval(cache_scripts.KEEP, 1, key_of(broadcast_id, rendition, "timeline"), parts, str(ttl_s))


async def list_again(redis: Redis, broadcast_id: str, rendition: str) -> None:
    """A rendition that the broadcast did without may report again, for those who come from then on."""
    await redis.eval(cache_scripts.AGAIN, 1, key_of(broadcast_id, "master"), rendition)


async def show(redis: Redis, channel: str, page: dict[str, Any]) -> None:
    """Tell the channel's page; `n` rises with each change, and a late word hides neither a newer broadcast nor the end."""
    args = [json.dumps(page), str(TTL_S * 24), f"live:{channel}"]
    await redis.eval(cache_scripts.SHOW, 1, f"live:{{{channel}}}", *args)


async def shown(redis: Redis, channel: str) -> dict[str, Any] | None:
    text = await redis.get(f"live:{{{channel}}}")
    return None if text is None else json.loads(text)


async def looks(redis: Redis, broadcasts: list[tuple[str, str]]) -> list[tuple[dict[str, Any] | None, int | None]]:
    """Of each, by its id and its channel's name: what the page shows, and when the last part of a picture was stored (Unix ms).
    One round trip for all."""
    async with redis.pipeline(transaction=False) as pipe:
        for broadcast_id, channel in broadcasts:
            pipe.get(f"live:{{{channel}}}")
            pipe.hget(key_of(broadcast_id, "master"), "pictured_ms")
        found = await pipe.execute()
    pairs = zip(found[::2], found[1::2], strict=True)
    return [(page and json.loads(page), None if at is None else int(at)) for page, at in pairs]


# --- what encode jobs have measured ---------------------------------------------------------------------------------------


async def measurements(redis: Redis, broadcast_id: str) -> dict[str, dict[str, Any]]:
    figures = await redis.hgetall(key_of(broadcast_id, "ingest"))
    return {_text(name): json.loads(text) for name, text in figures.items()}


async def health(redis: Redis, broadcast_id: str, newest: int = HEALTH_SAMPLES) -> list[dict[str, Any]]:
    """A second each, the newest last."""
    return [json.loads(text) for text in await redis.lrange(key_of(broadcast_id, "health"), -newest, -1)]


async def measured_lately(
    redis: Redis, broadcast_id: str, newest: int
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """The measurements, and the last seconds, in one round trip."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.hgetall(key_of(broadcast_id, "ingest"))
        pipe.lrange(key_of(broadcast_id, "health"), -newest, -1)
        figures, seconds = await pipe.execute()
    return {_text(name): json.loads(text) for name, text in figures.items()}, [json.loads(text) for text in seconds]


# --- what the origin reads ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Master:
    part_s: float
    target_s: int | None
    variants: list[Variant] | None  # None: not sealed yet
    absent: list[str]
    ended: bool

    @property
    def constants(self) -> Constants | None:
        return None if self.target_s is None else Constants(self.target_s, self.part_s)


async def master(redis: Redis, broadcast_id: str) -> Master | None:
    fields = {_text(k): _text(v) for k, v in (await redis.hgetall(key_of(broadcast_id, "master"))).items()}
    if not fields:
        return None
    reports = {k[2:]: v for k, v in fields.items() if k.startswith("r:")}
    sealed = fields.get("sealed")
    return Master(
        part_s=int(fields.get("part_ms", 350)) / 1000,
        target_s=int(fields["target_s"]) if "target_s" in fields else None,
        variants=None if sealed is None else [Variant(**json.loads(reports[n])) for n in sealed.split(",") if n],
        absent=[n for n, report in reports.items() if report == "absent"],
        ended="ended" in fields,
    )


async def timeline(redis: Redis, broadcast_id: str, rendition: str) -> list[Record]:
    return [decode(text) for text in await redis.lrange(key_of(broadcast_id, rendition, "timeline"), 0, -1)]


async def init(redis: Redis, broadcast_id: str, rendition: str, number: int) -> bytes | None:
    return cast("bytes | None", await redis.get(key_of(broadcast_id, rendition, "init", str(number))))


async def parts(redis: Redis, broadcast_id: str, rendition: str, names: list[str]) -> bytes | None:
    """The named parts, joined; None unless all of them are there."""
    found = cast("list[bytes | None]", await redis.mget([key_of(broadcast_id, rendition, "part", name) for name in names]))
    there = [part for part in found if part is not None]
    return b"".join(there) if there and len(there) == len(names) else None


async def keep_thumbnail(redis: Redis, broadcast_id: str, jpeg: bytes) -> None:
    await redis.set(key_of(broadcast_id, "thumbnail"), jpeg, ex=THUMBNAIL_S)


async def thumbnail(redis: Redis, broadcast_id: str) -> bytes | None:
    return cast("bytes | None", await redis.get(key_of(broadcast_id, "thumbnail")))


async def clock(redis: Redis, broadcast_id: str) -> Clock | None:
    """None before the first segment; an era that has none yet has no offset either."""
    key = key_of(broadcast_id, "clock")
    era, offset, pairs, at, shape = await redis.hmget(key, ["era", "offset_ms", "pairs", "at_ms", "shape"])
    if era is None or pairs is None or at is None:
        return None
    known = [pair.split("@") for pair in _text(pairs).split()]
    return Clock(int(era), int(offset or 0), [(int(msn), int(pts)) for msn, pts in known], int(at), int(shape or 0))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
