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
from typing import Any

from django.conf import settings
from redis.asyncio import Redis

from streams.hls.playlist import Constants, Variant
from streams.hls.timeline import WINDOW_SEGMENTS, Gap, Part, Record, decode

WINDOW_S = WINDOW_SEGMENTS * 2
PART_TTL_S = 3 * WINDOW_S
TTL_S = 3600
TIMELINE_RECORDS = 400  # more than a window of the shortest parts
CLOCK_PAIRS = 24
CLOCK_TOLERANCE_MS = 5
SHORTEST_SEGMENT_MS = 1400
FIRST_MSN = 10
LATE_AUDIO_MS = 1500  # after the first video rendition; then the broadcast is without
LATE_VIDEO_MS = 2200
ERA_JUMP_MS = 3000


class Fenced(Exception):
    """A newer epoch writes this rendition, or the broadcast has ended: stop."""


class Reseed(Exception):
    """Redis has forgotten the rendition: prove the lease, then write everything anew."""


@asynccontextmanager
async def connect() -> AsyncIterator[Redis]:
    redis: Redis = Redis.from_url(
        settings.SEGMENTS_REDIS_URL, socket_timeout=settings.STORE_TIMEOUT_S, socket_connect_timeout=1
    )
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


async def open_broadcast(redis: Redis, broadcast_id: str, began_ms: int, part_ms: int, expected: list[str]) -> None:
    key = _key(broadcast_id, "master")
    constants = {"began_ms": began_ms, "part_ms": part_ms, "expected": ",".join(expected)}
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, mapping={k: str(v) for k, v in constants.items()})
        pipe.expire(key, TTL_S)
        await pipe.execute()


# KEYS master; ARGV ttl
END = """
redis.call('HSET', KEYS[1], 'ended', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
for _, rendition in ipairs(cjson.decode(ARGV[2])) do
  local base = string.sub(KEYS[1], 1, -7) .. rendition
  local n = redis.call('HGET', base, 'n')
  if n then
    n = redis.call('HINCRBY', base, 'n', 1)
    local record = '[' .. n .. ',"end",0,[]]'
    redis.call('RPUSH', base .. ':timeline', record)
    redis.call('PUBLISH', ARGV[3], rendition .. ' ' .. record)
  end
end
redis.call('PUBLISH', ARGV[3], 'end')
"""


async def end_broadcast(redis: Redis, broadcast_id: str, renditions: list[str]) -> None:
    """Close every playlist; what encoders still write is refused from here on."""
    keys = [_key(broadcast_id, "master")]
    await redis.eval(END, len(keys), *keys, str(TTL_S), json.dumps(renditions), f"hls:{broadcast_id}")


async def show(redis: Redis, channel: str, page: dict[str, Any]) -> None:
    """Tell the channel's page; `page["n"]` must rise with each change."""
    text = json.dumps(page)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.set(f"live:{{{channel}}}", text, ex=TTL_S * 24)
        pipe.publish(f"live:{channel}", text)
        await pipe.execute()


async def shown(redis: Redis, channel: str) -> dict[str, Any] | None:
    text = await redis.get(f"live:{{{channel}}}")
    return None if text is None else json.loads(text)


# --- what encode jobs write -----------------------------------------------------------------------------------------------

FENCE = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return 'RESEED' end
if tonumber(epoch) > tonumber(ARGV[1]) then return 'FENCED' end
if redis.call('HEXISTS', KEYS[2], 'ended') == 1 then return 'FENCED' end
"""

# A broadcast's ladder is fixed once every expected rendition has reported, or when the late ones have been waited for.
SEAL = """
local function seal(master, channel, now)
  local h = {}
  local flat = redis.call('HGETALL', master)
  for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
  if h['sealed'] or not h['expected'] or not h['first_ms'] then return end
  local age, listed, gop = now - tonumber(h['first_ms']), {}, 2000
  for name in string.gmatch(h['expected'], '[^,]+') do
    local report = h['r:' .. name]
    if not report then
      if age < (name == 'audio' and LATE_AUDIO or LATE_VIDEO) then return end
      redis.call('HSET', master, 'r:' .. name, 'absent')
    elseif report ~= 'absent' then
      listed[#listed + 1] = name
      gop = math.max(gop, tonumber(h['gop:' .. name] or 0))
    end
  end
  redis.call('HSET', master, 'sealed', table.concat(listed, ','), 'target_s', math.floor(gop / 1000 + 1.39 + 0.5))
  redis.call('PUBLISH', channel, 'master')
end
""".replace("LATE_AUDIO", str(LATE_AUDIO_MS)).replace("LATE_VIDEO", str(LATE_VIDEO_MS))

# KEYS rendition, master; ARGV epoch, ttl → 'OK' | 'FENCED'
BEGIN = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) > tonumber(ARGV[1]) then return 'FENCED' end
if redis.call('HEXISTS', KEYS[2], 'ended') == 1 then return 'FENCED' end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 'OK'
"""

# KEYS rendition, master; ARGV epoch, ttl, base, init bytes → the init's number
INIT = (
    FENCE
    + """
local n = redis.call('HINCRBY', KEYS[1], 'init', 1)
redis.call('SET', ARGV[3] .. ':init:' .. n, ARGV[4], 'EX', ARGV[2])
return n
"""
)

# KEYS rendition, master; ARGV epoch, ttl, name, report, keyframe interval ms, channel, now ms → 1 if it is or may be listed
REPORT = (
    SEAL
    + FENCE
    + """
if not redis.call('HGET', KEYS[2], 'sealed') then
  redis.call('HSET', KEYS[2], 'r:' .. ARGV[3], ARGV[4], 'gop:' .. ARGV[3], ARGV[5])
  if ARGV[3] ~= 'audio' and ARGV[4] ~= 'absent' then redis.call('HSETNX', KEYS[2], 'first_ms', ARGV[7]) end
  seal(KEYS[2], ARGV[6], tonumber(ARGV[7]))
end
local sealed = redis.call('HGET', KEYS[2], 'sealed')
if not sealed then return ARGV[4] == 'absent' and 0 or 1 end
return string.find(',' .. sealed .. ',', ',' .. ARGV[3] .. ',', 1, true) and 1 or 0
"""
)

# KEYS rendition, master; ARGV epoch, ttl, base, kind, fields, part bytes, part ttl, records kept, channel, rendition, now ms
STORE = (
    SEAL
    + FENCE
    + """
local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
local record = '[' .. n .. ',"' .. ARGV[4] .. '",' .. ARGV[1] .. ',' .. ARGV[5] .. ']'
if ARGV[4] == 'part' then redis.call('SET', ARGV[3] .. ':part:' .. ARGV[1] .. '-' .. n, ARGV[6], 'EX', ARGV[7]) end
redis.call('RPUSH', ARGV[3] .. ':timeline', record)
redis.call('LTRIM', ARGV[3] .. ':timeline', -tonumber(ARGV[8]), -1)
redis.call('EXPIRE', ARGV[3] .. ':timeline', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
seal(KEYS[2], ARGV[9], tonumber(ARGV[11]))
redis.call('PUBLISH', ARGV[9], ARGV[10] .. ' ' .. record)
return n
"""
)

# KEYS clock, master; ARGV pts, now, channel, ttl → {msn or -1, era, offset}
BOUNDARY = """
local pts, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local c = redis.call('HMGET', KEYS[1], 'era', 'offset_ms', 'pairs', 'next')
local era, offset, pairs_, msn = tonumber(c[1] or 0), tonumber(c[2] or now - pts), c[3] or '', tonumber(c[4] or 0)
if not c[4] then msn = FIRST + math.floor(math.max(0, now - tonumber(redis.call('HGET', KEYS[2], 'began_ms') or now)) / 1000) end
local last, count = nil, 0
for m, p in string.gmatch(pairs_, '(%d+)@(-?%d+)') do
  last, count = tonumber(p), count + 1
  if math.abs(last - pts) <= TOLERANCE then return {tonumber(m), era, offset} end
end
if last and pts - last < SHORTEST then return {-1, era, offset} end
if count >= KEPT then pairs_ = string.gsub(pairs_, '^%S+ ', '') end
pairs_ = pairs_ .. msn .. '@' .. pts .. ' '
redis.call('HSET', KEYS[1], 'era', era, 'offset_ms', offset, 'pairs', pairs_, 'next', msn + 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[3], 'pairs')
return {msn, era, offset}
"""
for _name, _value in {
    "FIRST": FIRST_MSN,
    "TOLERANCE": CLOCK_TOLERANCE_MS,
    "SHORTEST": SHORTEST_SEGMENT_MS,
    "KEPT": CLOCK_PAIRS,
}.items():
    BOUNDARY = BOUNDARY.replace(_name, str(_value))

# KEYS clock; ARGV pts, now, jump ms, channel → {era, offset}
JUMP = """
local pts, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local c = redis.call('HMGET', KEYS[1], 'era', 'offset_ms')
local era, offset = tonumber(c[1] or 0), tonumber(c[2] or now - pts)
if math.abs(now - offset - pts) > tonumber(ARGV[3]) then
  era, offset = era + 1, now - pts
  redis.call('HSET', KEYS[1], 'era', era, 'offset_ms', offset, 'pairs', '')
  redis.call('PUBLISH', ARGV[4], 'pairs')
end
return {era, offset}
"""


class Writer:
    """One encode job's hand on its rendition: every call carries its epoch. Raises Fenced, Reseed."""

    def __init__(self, redis: Redis, broadcast_id: str, rendition: str, epoch: int) -> None:
        self.redis = redis
        self.rendition = rendition
        self.epoch = epoch
        self.broadcast_id = broadcast_id
        self.base = _key(broadcast_id, rendition)
        self.master = _key(broadcast_id, "master")
        self.clock = _key(broadcast_id, "clock")
        self.channel = f"hls:{broadcast_id}"
        self._begin = redis.register_script(BEGIN)
        self._init = redis.register_script(INIT)
        self._report = redis.register_script(REPORT)
        self._store = redis.register_script(STORE)
        self._boundary = redis.register_script(BOUNDARY)
        self._jump = redis.register_script(JUMP)

    async def _fenced(self, script: Any, *args: Any) -> int:
        answer = await script(keys=[self.base, self.master], args=[self.epoch, TTL_S, *args])
        if answer == b"FENCED":
            raise Fenced
        if answer == b"RESEED":
            raise Reseed
        return answer

    async def begin(self) -> None:
        """Put this epoch in force: lower ones are refused from now on."""
        await self._fenced(self._begin)

    async def init(self, data: bytes) -> int:
        """Store an init section; returns its number."""
        return await self._fenced(self._init, self.base, data)

    async def report(self, variant: Variant | None, now_ms: int, gop_ms: int = 0) -> bool:
        """Say what this rendition is, or (None) that the broadcast is without it. False once the ladder is fixed without it."""
        text = "absent" if variant is None else json.dumps(asdict(variant))
        return bool(await self._fenced(self._report, self.rendition, text, gop_ms, self.channel, now_ms))

    async def store(self, record: Part | Gap, data: bytes, now_ms: int) -> int:
        """Store a part (or a gap, without bytes) and announce it; returns its number."""
        kind = "part" if isinstance(record, Part) else "gap"
        return await self._fenced(
            self._store,
            self.base,
            kind,
            record.encode(),
            data,
            PART_TTL_S,
            TIMELINE_RECORDS,
            self.channel,
            self.rendition,
            now_ms,
        )

    async def boundary(self, pts_ms: int, now_ms: int) -> Tick:
        """Ask the segment clock whether a segment begins at this presentation time."""
        args = [pts_ms, now_ms, f"clock:{self.broadcast_id}", TTL_S]
        msn, era, offset = await self._boundary(keys=[self.clock, self.master], args=args)
        return Tick(None if msn < 0 else msn, era, offset)

    async def jump(self, pts_ms: int, now_ms: int) -> int:
        """The stamps have left the wall clock: begin an era, unless another rendition has begun it. Returns the era."""
        args = [pts_ms, now_ms, ERA_JUMP_MS, f"clock:{self.broadcast_id}"]
        era, _ = await self._jump(keys=[self.clock], args=args)
        return era

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
    return {name.decode(): json.loads(text) for name, text in figures.items()}


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
    fields = {k.decode(): v.decode() for k, v in (await redis.hgetall(_key(broadcast_id, "master"))).items()}
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
    return [decode(text) for text in await redis.lrange(_key(broadcast_id, rendition, "timeline"), 0, -1)]


async def init(redis: Redis, broadcast_id: str, rendition: str, number: int) -> bytes | None:
    return await redis.get(_key(broadcast_id, rendition, "init", str(number)))


async def parts(redis: Redis, broadcast_id: str, rendition: str, names: list[str]) -> bytes | None:
    """The named parts, joined; None unless all of them are there."""
    found = await redis.mget([_key(broadcast_id, rendition, "part", name) for name in names])
    return None if not found or any(part is None for part in found) else b"".join(found)


async def clock(redis: Redis, broadcast_id: str) -> tuple[int, int, list[tuple[int, int]]] | None:
    """The era, its offset (ms) and the known (msn, pts) pairs, oldest first; None before the first."""
    era, offset, pairs = await redis.hmget(_key(broadcast_id, "clock"), ["era", "offset_ms", "pairs"])
    if era is None:
        return None
    pairs = [tuple(map(int, pair.split(b"@"))) for pair in pairs.split()]
    return int(era), int(offset), pairs
