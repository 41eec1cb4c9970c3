"""What is live, in Redis: constants, segment clock, timelines, init sections and parts.

Every write of an encode job is one Lua script that refuses an epoch lower than the stored one, so that a paused worker's late
writes are harmless. `{ID}` is the hash tag: a broadcast's keys live on one node.

    hls:{ID}:master      hash: began_ms, part_ms, expected; r:NAME → Variant or "absent"; sealed, target_s; ended
    hls:{ID}:clock       hash: era, offset_ms, pairs ("MSN@PTS …", the newest last)
    hls:{ID}:R           hash: epoch, n (the last record's number), init (the last init's number)
    hls:{ID}:R:timeline  list of records
    hls:{ID}:R:init:N, hls:{ID}:R:part:EPOCH-N
    hls:{ID}:ingest      hash: rendition → what its job measured
    live:{NAME}          what the channel's page shows

Two channels: `hls:{ID}` carries "RENDITION RECORD", "master" and "end"; `clock:{ID}` carries the segment clock.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from streams import cache_scripts
from streams.cache_client import client
from streams.hls.playlist import Constants, Variant
from streams.hls.timeline import WINDOW_SEGMENTS, Part, Record, decode

WINDOW_S = WINDOW_SEGMENTS * 2
PART_TTL_S = 3 * WINDOW_S
TTL_S = 3600
TIMELINE_RECORDS = 600  # more than a window of the shortest parts


class Fenced(Exception):
    """A newer epoch writes this rendition, or the broadcast has ended: stop."""


class Forgotten(Exception):
    """Redis has been emptied: prove the lease, then begin anew."""


@asynccontextmanager
async def connect() -> AsyncIterator[Redis]:
    redis = client()
    try:
        yield redis
    finally:
        await redis.aclose()


@dataclass(frozen=True, slots=True)
class Tick:
    """An answer of the segment clock; `msn` is None where no segment begins."""

    msn: int | None
    era: int
    offset_ms: int  # wall clock minus presentation time


def _key(broadcast_id: str, *rest: str) -> str:
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
    key = _key(opening.broadcast_id, "master")
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, items=opening.fields())
        pipe.expire(key, TTL_S)
        await pipe.execute()


async def end_broadcast(redis: Redis, broadcast_id: str, renditions: list[str]) -> None:
    """Close every playlist; what encoders still write is refused from here on."""
    keys = [_key(broadcast_id, "master")]
    await redis.eval(cache_scripts.END, len(keys), *keys, str(TTL_S), json.dumps(renditions), f"hls:{broadcast_id}")


async def show(redis: Redis, channel: str, page: dict[str, Any]) -> None:
    """Tell the channel's page; `n` rises with each change, and a late word hides neither a newer broadcast nor the end."""
    args = [json.dumps(page), str(TTL_S * 24), f"live:{channel}"]
    await redis.eval(cache_scripts.SHOW, 1, f"live:{{{channel}}}", *args)


async def shown(redis: Redis, channel: str) -> dict[str, Any] | None:
    text = await redis.get(f"live:{{{channel}}}")
    return None if text is None else json.loads(text)


# --- what encode jobs write -----------------------------------------------------------------------------------------------


class Writer:
    """One encode job's hand on its rendition: every call carries its epoch. Raises Fenced, Forgotten."""

    def __init__(self, redis: Redis, broadcast_id: str, rendition: str, epoch: int) -> None:
        self.redis = redis
        self.rendition = rendition
        self.epoch = epoch
        self.broadcast_id = broadcast_id
        self.base = _key(broadcast_id, rendition)
        self.master = _key(broadcast_id, "master")
        self.clock = _key(broadcast_id, "clock")
        self.channel = f"hls:{broadcast_id}"
        self._begin = redis.register_script(cache_scripts.BEGIN)
        self._init = redis.register_script(cache_scripts.INIT)
        self._report = redis.register_script(cache_scripts.REPORT)
        self._store = redis.register_script(cache_scripts.STORE)
        self._boundary = redis.register_script(cache_scripts.BOUNDARY)
        self._jump = redis.register_script(cache_scripts.JUMP)

    async def _fenced(self, script: AsyncScript, *args: str | bytes | int) -> Any:
        answer = await script(keys=[self.base, self.master, self.clock], args=[self.epoch, TTL_S, *args])
        if answer == b"FENCED":
            raise Fenced
        if answer == b"FORGOTTEN":
            raise Forgotten
        return answer

    async def begin(self, opening: Opening) -> None:
        """Put this epoch in force: lower ones are refused from now on."""
        await self._fenced(self._begin, *opening.fields())

    async def init(self, data: bytes) -> int:
        """Store an init section; returns its number."""
        return int(await self._fenced(self._init, self.base, data))

    async def report(self, variant: Variant | None, now_ms: int, gop_ms: int = 0) -> bool:
        """Say what this rendition is, or (None) that the broadcast is without it. False once the ladder is fixed without it."""
        text = "absent" if variant is None else json.dumps(asdict(variant))
        return bool(await self._fenced(self._report, self.rendition, text, gop_ms, self.channel, now_ms))

    async def promise_audio(self) -> None:
        """There is audio, but it takes a moment: nobody should begin without it."""
        await self.redis.hset(self.master, "audio_comes", "1")

    async def store(self, part: Part, data: bytes, now_ms: int) -> int:
        """Store a part and announce it; returns its number."""
        return await self._fenced(
            self._store,
            self.base,
            part.encode(),
            data,
            PART_TTL_S,
            TIMELINE_RECORDS,
            self.channel,
            self.rendition,
            now_ms,
        )

    async def boundary(self, pts_ms: int, now_ms: int) -> Tick:
        """Ask the segment clock whether a segment begins at this presentation time."""
        msn, era, offset = await self._fenced(self._boundary, pts_ms, now_ms, f"clock:{self.broadcast_id}")
        return Tick(None if msn < 0 else msn, era, offset)

    async def jump(self, pts_ms: int, now_ms: int) -> int:
        """The stamps have left the wall clock: begin an era, unless another rendition has begun it. Returns the era."""
        return int(await self._fenced(self._jump, pts_ms, now_ms, f"clock:{self.broadcast_id}"))

    async def watermark(self, pts_ms: int) -> None:
        """Tell the audio job how far video has got."""
        await self.redis.publish(f"clock:{self.broadcast_id}", str(pts_ms))

    async def measured(self, figures: dict[str, Any]) -> None:
        key = _key(self.broadcast_id, "ingest")
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, self.rendition, json.dumps(figures))
            pipe.expire(key, TTL_S)
            await pipe.execute()


async def measurements(redis: Redis, broadcast_id: str) -> dict[str, dict[str, Any]]:
    figures = await redis.hgetall(_key(broadcast_id, "ingest"))
    return {_text(name): json.loads(text) for name, text in figures.items()}


# --- what the origin reads ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Master:
    part_s: float
    target_s: int | None
    variants: list[Variant] | None  # None: not sealed yet
    absent: list[str]
    ended: bool
    pictured_ms: int | None  # when the last part of a picture was stored, Unix

    @property
    def constants(self) -> Constants | None:
        return None if self.target_s is None else Constants(self.target_s, self.part_s)


async def master(redis: Redis, broadcast_id: str) -> Master | None:
    fields = {_text(k): _text(v) for k, v in (await redis.hgetall(_key(broadcast_id, "master"))).items()}
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
        pictured_ms=int(fields["pictured_ms"]) if "pictured_ms" in fields else None,
    )


async def timeline(redis: Redis, broadcast_id: str, rendition: str) -> list[Record]:
    return [decode(text) for text in await redis.lrange(_key(broadcast_id, rendition, "timeline"), 0, -1)]


async def init(redis: Redis, broadcast_id: str, rendition: str, number: int) -> bytes | None:
    return cast("bytes | None", await redis.get(_key(broadcast_id, rendition, "init", str(number))))


async def parts(redis: Redis, broadcast_id: str, rendition: str, names: list[str]) -> bytes | None:
    """The named parts, joined; None unless all of them are there."""
    found = cast("list[bytes | None]", await redis.mget([_key(broadcast_id, rendition, "part", name) for name in names]))
    there = [part for part in found if part is not None]
    return b"".join(there) if there and len(there) == len(names) else None


async def clock(redis: Redis, broadcast_id: str) -> tuple[int, int, list[tuple[int, int]]] | None:
    """The era, its offset (ms) and the known (msn, pts) pairs, oldest first; None before the first."""
    era, offset, pairs = await redis.hmget(_key(broadcast_id, "clock"), ["era", "offset_ms", "pairs"])
    if era is None or offset is None or pairs is None:
        return None
    known = [pair.split("@") for pair in _text(pairs).split()]
    return int(era), int(offset), [(int(msn), int(pts)) for msn, pts in known]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
