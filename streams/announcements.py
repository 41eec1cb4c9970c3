"""What Redis is told of a broadcast: what its channel's page shows, and what its playlists begin, go on and end with."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis

from streams import leases, segment_cache
from streams.hls.timeline import PRELUDE_MS, PRELUDE_SEGMENTS
from streams.models import Broadcast
from streams.moments import unix_ms
from streams.segment_cache import with_segments


def open(broadcast: Broadcast, now: dt.datetime) -> None:
    async def announce(redis: Redis) -> None:
        await segment_cache.open_broadcast(redis, opening(broadcast))
        await segment_cache.show(redis, broadcast.channel.name, page(broadcast, now))

    with_segments(announce)


def resume(broadcast: Broadcast, now: dt.datetime) -> None:
    async def announce(redis: Redis) -> None:
        await segment_cache.resume_broadcast(redis, broadcast.id, unix_ms(now))
        await segment_cache.show(redis, broadcast.channel.name, page(broadcast, now))

    with_segments(announce)


def wait(broadcast: Broadcast, now: dt.datetime) -> None:
    async def keep(redis: Redis) -> None:
        await segment_cache.keep_parts(redis, broadcast.id, broadcast.ladder, broadcast.channel.reconnect_s)
        await segment_cache.show(redis, broadcast.channel.name, page(broadcast, now))

    broadcast.refresh_from_db(fields=["state"])
    with_segments(keep)


def close(broadcast: Broadcast) -> None:
    """End the playlists and tell the page; doing it again changes nothing."""
    assert broadcast.ended_at is not None
    with_segments(lambda redis: segment_cache.end_broadcast(redis, broadcast.id, broadcast.ladder))
    show(broadcast, broadcast.ended_at)


def show(broadcast: Broadcast, now: dt.datetime) -> None:
    with_segments(lambda redis: segment_cache.show(redis, broadcast.channel.name, page(broadcast, now)))


def page(broadcast: Broadcast, now: dt.datetime) -> dict[str, Any]:
    """What the channel's page shows; `n` rises with each change."""
    return {
        "n": unix_ms(now),
        "state": "starting" if broadcast.state == Broadcast.State.PUBLISHING else Broadcast.State(broadcast.state).value,
        "over": not broadcast.is_open,
        "id": broadcast.id,
        "first_part_s": PRELUDE_SEGMENTS * PRELUDE_MS / 1000,  # where a new playlist's first part lies
        "playlist": f"/hls/{broadcast.id}/master.m3u8",
        "started_at": broadcast.started_at.isoformat(),
    }


def opening(broadcast: Broadcast) -> segment_cache.Opening:
    return segment_cache.Opening(broadcast.id, unix_ms(broadcast.started_at), broadcast.part_ms, broadcast.ladder)


def reopening(broadcast: Broadcast) -> segment_cache.Opening:
    """For a Redis that was emptied: nobody waits for renditions that will not come."""
    return replace(opening(broadcast), expected=encoded(broadcast))


def encoded(broadcast: Broadcast) -> list[str]:
    """The renditions that it does not do without."""
    without = leases.withdrawn(broadcast.pk)
    return [rendition for rendition in broadcast.ladder if rendition not in without]
