"""What was measured of a broadcast, kept in MongoDB, and with the key for its next one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from redis.asyncio import Redis

from streams import advice, announcements, segment_cache
from streams.documents import StreamKey, StreamMetadata
from streams.ladder import Profile
from streams.models import Broadcast
from streams.refusals import REFUSED_S
from streams.segment_cache import with_segments

Measured = tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]


def write(broadcast_id: str) -> None:
    """Write what was measured to MongoDB, and remember it with the key."""
    broadcast = Broadcast.objects.select_related("channel").filter(pk=broadcast_id).first()
    if broadcast is None:  # its owner's account was deleted
        return
    if broadcast.ended_at:
        announcements.close(broadcast)

    async def read(redis: Redis) -> tuple[Measured, segment_cache.Master | None]:
        measured = await segment_cache.measured_lately(redis, broadcast_id, advice.SECONDS)
        return measured, await segment_cache.master(redis, broadcast_id)

    (figures, seconds), master = with_segments(read)
    source = figures.get("source", {})
    over = broadcast.over_at
    # what the last session sent is not yet known
    measured = {"set__ingest": source | {"audio": figures.get("audio")}} if figures else {}
    StreamMetadata.objects(id=broadcast_id).update_one(
        upsert=True,
        **measured,
        set__channel=broadcast.channel.name,
        set__started_at=broadcast.started_at,
        set__ended_at=broadcast.ended_at,
        set__duration_s=(over - broadcast.started_at).total_seconds() if over else None,
        set__end_reason=broadcast.end_reason,
        set__renditions={v.name: _facts(v) for v in (master.variants if master and master.variants else [])},
    )
    Broadcast.objects.filter(pk=broadcast_id).update(advice=advice.of(figures, seconds))
    if broadcast.ended_at and broadcast.state == Broadcast.State.REFUSED:  # encoders come again, with the same fault
        until = broadcast.ended_at + dt.timedelta(seconds=REFUSED_S)
        StreamKey.objects(hash=broadcast.key_hash).update_one(set__refused_until=until, set__refused_for=broadcast.end_reason)
    if "width" in source:
        profile = {name: source[name] for name in Profile.__slots__}
        StreamKey.objects(hash=broadcast.key_hash).update_one(set__profile=profile)


def _facts(variant: Any) -> dict[str, Any]:
    return {name: getattr(variant, name) for name in variant.__slots__ if name != "name"}
