"""Who watches a broadcast: counted by what their players tell, in Redis beside what they watch.

It goes when Redis `segments` is emptied, as the stream does: a quarter of a minute later the viewers have told it again, and
the minute that was lost is short of what came before.

    audience:{ID}:seen     sorted set: ADDRESS:VIEWER → when last heard (Unix ms); ADDRESS is a digest
    audience:{ID}:from     hash: ADDRESS → how many of them
    audience:{ID}:pending  set: minutes, counted from the broadcast's start, that are not in MongoDB yet
    audience:{ID}:N        hash of minute N: peak, watched_ms, stalls, latency_ms and buffer_ms (sums), latency_n, buffer_n,
                           r:RENDITION (ms watched)
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.addresses import network
from streams.beacon import Beacon
from streams.segment_cache import with_segments

log = logging.getLogger(__name__)

HEARD_MS = 40_000  # two beacons and a half: whoever has said nothing for longer has gone
ADDRESS_VIEWERS = 60  # of one broadcast; who looks from behind the same address beyond that is not counted
KEPT_S = 3 * 3600  # of a minute that MongoDB could not take
STALL_MS = 500  # a player that stalls more often is not believed
SETTLED_MS = 5_000  # clocks of two machines differ by less

# KEYS master, seen, from, pending, and the prefix of minutes; ARGV now ms, address, viewer, leaves, watched ms, stalls,
# rendition, latency ms, buffer ms: "" where a player does not know → how many are there, or what is wrong
TELL = f"""
local now, member = tonumber(ARGV[1]), ARGV[2] .. ':' .. ARGV[3]
local began, ended = unpack(redis.call('HMGET', KEYS[1], 'began_ms', 'ended'))
if not began then return 'UNKNOWN' end
if ARGV[7] ~= '' and redis.call('HEXISTS', KEYS[1], 'r:' .. ARGV[7]) == 0 then return 'RENDITION' end

local function forget(gone)
  redis.call('ZREM', KEYS[2], gone)
  local address = string.match(gone, '^[^:]*')
  if redis.call('HINCRBY', KEYS[3], address, -1) <= 0 then redis.call('HDEL', KEYS[3], address) end
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - {HEARD_MS}, 'LIMIT', 0, 100)) do forget(gone) end

local before = redis.call('ZSCORE', KEYS[2], member)
if not before then
  if tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or 0) >= {ADDRESS_VIEWERS} then return 'FULL' end
  redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
end
redis.call('ZADD', KEYS[2], now, member)
local here = redis.call('ZCARD', KEYS[2])

local minute = math.max(math.floor((now - began) / 60000), 0)
local key = KEYS[5] .. minute
-- nobody has watched longer than time went by since they were heard, and whoever comes has not watched yet
local since = before and math.max(now - before, 0) or 0
local watched = math.min(tonumber(ARGV[5]), since)
redis.call('HINCRBY', key, 'watched_ms', watched)
redis.call('HINCRBY', key, 'stalls', math.min(tonumber(ARGV[6]), math.floor(since / {STALL_MS})))
if ARGV[7] ~= '' then redis.call('HINCRBY', key, 'r:' .. ARGV[7], watched) end
for i, name in ipairs({{'latency', 'buffer'}}) do
  if ARGV[7 + i] ~= '' then
    redis.call('HINCRBY', key, name .. '_ms', ARGV[7 + i])
    redis.call('HINCRBY', key, name .. '_n', 1)
  end
end
if here > tonumber(redis.call('HGET', key, 'peak') or 0) then redis.call('HSET', key, 'peak', here) end
redis.call('SADD', KEYS[4], minute)
if ARGV[4] == '1' or ended then forget(member) here = here - 1 end
for _, name in ipairs({{KEYS[2], KEYS[3], KEYS[4], key}}) do redis.call('EXPIRE', name, {KEPT_S}) end
return here
"""


# KEYS seen of each, ARGV since (ms): hundreds of replies would take ten times as long to read
WATCHING = """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('ZCOUNT', key, ARGV[1], '+inf') end
return found
"""


class NotCounted(Exception):
    """UNKNOWN broadcast, RENDITION that it does not have, or an address that is FULL."""


def _key(broadcast_id: str, *rest: str) -> str:
    return ":".join(("audience", "{" + broadcast_id + "}", *rest))


async def tell(redis: Redis, broadcast_id: str, address: str, beacon: Beacon, now_ms: int) -> int:
    """Count what a player says; returns how many watch now. Raises NotCounted."""
    keys = [f"hls:{{{broadcast_id}}}:master", *(_key(broadcast_id, name) for name in ("seen", "from", "pending", ""))]
    digest = hashlib.blake2s(network(address).encode(), digest_size=8).hexdigest()
    known = [beacon.rendition, beacon.latency_ms, beacon.buffer_ms]
    args: list[str | int] = [now_ms, digest, beacon.viewer, int(beacon.leaves), beacon.watched_ms, beacon.stalls]
    args += ["" if value is None else value for value in known]
    answer = await redis.register_script(TELL)(keys=keys, args=args)
    if isinstance(answer, bytes):
        raise NotCounted(answer.decode())
    return int(answer)


async def watching(redis: Redis, broadcast_ids: Sequence[str], now_ms: int) -> dict[str, int]:
    keys = [_key(broadcast_id, "seen") for broadcast_id in broadcast_ids]
    return dict(zip(broadcast_ids, await redis.register_script(WATCHING)(keys=keys, args=[now_ms - HEARD_MS]), strict=True))


def viewers_now(broadcast_ids: Sequence[str]) -> dict[str, int]:
    """In one round trip for all; empty while Redis does not answer."""
    if not broadcast_ids:
        return {}
    now_ms = int(time.time() * 1000)
    try:
        return with_segments(lambda redis: watching(redis, broadcast_ids, now_ms))
    except RedisError as error:
        log.warning("nobody can be counted: %s", type(error).__name__)
        return {}


async def pending(redis: Redis, broadcast_id: str, began_ms: int, now_ms: int) -> dict[int, dict[str, Any]]:
    """The minutes that are over and not in MongoDB yet."""
    over = (now_ms - SETTLED_MS - began_ms) // 60_000
    waiting = sorted(int(minute) for minute in await redis.smembers(_key(broadcast_id, "pending")))
    found = {}
    for minute in [each for each in waiting if each < over]:
        counts: dict[Any, Any] = await redis.hgetall(_key(broadcast_id, str(minute)))
        if counts:
            found[minute] = figures({name.decode(): int(value) for name, value in counts.items()})
        else:  # it has waited for too long
            await forget(redis, broadcast_id, [minute])
    return found


async def forget(redis: Redis, broadcast_id: str, minutes: Sequence[int]) -> None:
    """They are in MongoDB now."""
    if minutes:
        await redis.srem(_key(broadcast_id, "pending"), *minutes)


def figures(counts: dict[str, int]) -> dict[str, Any]:
    """A minute's, as MongoDB keeps them."""
    found: dict[str, Any] = {name: counts.get(name, 0) for name in ("peak", "stalls")}
    found["watch_s"] = round(counts.get("watched_ms", 0) / 1000)
    found["viewers"] = round(counts.get("watched_ms", 0) / 60_000)  # on average
    for name in ("latency", "buffer"):
        if counts.get(f"{name}_n"):
            found[f"{name}_ms"] = round(counts[f"{name}_ms"] / counts[f"{name}_n"])
    found["renditions"] = {name[2:]: round(ms / 1000) for name, ms in counts.items() if name.startswith("r:")}
    return found
