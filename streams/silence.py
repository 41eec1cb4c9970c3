"""Whether a publisher that is connected sends nothing any more: then another may take its place. And since when one that is
lost had sent nothing."""

from __future__ import annotations

import asyncio
import datetime as dt

from redis.asyncio import Redis

from streams import rtmp, segment_cache
from streams.models import Broadcast
from streams.moments import moment
from streams.rtmp import Stream
from streams.segment_cache import with_segments

SILENT_S = 6.0  # since the source was last noted: it is each second, so that it has been silent for 5
NOTED_S = 1.0  # so often
LATEST_S = 20.0  # whoever falls silent is lost by then; another machine's clock may be wrong
LOOK_S = 0.5  # a publisher that sends anything sends some of it within that time


async def is_silent(broadcast: Broadcast, now: dt.datetime) -> bool:
    """Nothing of its picture has come for SILENT_S, and no byte goes in, or it is not there. Raises Unreachable, RedisError."""
    assert broadcast.connected_at
    before = await _publishing(broadcast)
    if before is None:
        return (now - broadcast.connected_at).total_seconds() >= SILENT_S
    if (now - await _heard_at(broadcast, broadcast.connected_at)).total_seconds() < SILENT_S:
        return False
    await asyncio.sleep(LOOK_S)
    after = await _publishing(broadcast)
    return after is None or after.bytes_in == before.bytes_in


def since(broadcast: Broadcast, now: dt.datetime) -> dt.datetime:
    """When the picture of a publisher stopped that is lost now: of a line that went dark the RTMP server hears nothing.
    Raises RedisError."""
    noted = with_segments(lambda redis: _noted_at(redis, broadcast))
    if noted is None or (broadcast.connected_at and noted < broadcast.connected_at):  # of the session before
        return now
    return max(now - dt.timedelta(seconds=LATEST_S), min(now, noted + dt.timedelta(seconds=NOTED_S)))


async def _heard_at(broadcast: Broadcast, since: dt.datetime) -> dt.datetime:
    async with segment_cache.connect() as redis:
        noted = await _noted_at(redis, broadcast)
    return max(since, noted) if noted else since


async def _noted_at(redis: Redis, broadcast: Broadcast) -> dt.datetime | None:
    """When the source's encoder last had something; not when anything was stored, which it is at its end, too."""
    noted = await segment_cache.health(redis, broadcast.pk, newest=1)
    return moment(noted[0]["at_ms"]) if noted else None


async def _publishing(broadcast: Broadcast) -> Stream | None:
    stream = (await rtmp.sight.streams()).get(broadcast.ingest_name)
    return stream if stream and stream.publisher else None
