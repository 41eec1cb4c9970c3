"""Moves reaction counts from Redis to MongoDB.

A room's counts are renamed before they are read, and deleted after they are written: what comes in the meantime is counted
anew, and what could not be written is written the next time. A crash between the two counts that minute twice, no more.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from django.db.models import Q
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from interactions.documents import ReactionHeat
from streams.models import Broadcast

LATE = dt.timedelta(hours=1)  # reactions to a broadcast that has ended come this late at most

Counts = dict[tuple[int, str], int]  # second (Unix), emoji


def rooms(now: dt.datetime) -> list[str]:
    """Where there may be some."""
    recent = Broadcast.objects.filter(Q(state__in=Broadcast.OPEN) | Q(ended_at__gte=now - LATE))
    return list(recent.values_list("channel__name", flat=True).distinct())


async def drain(redis: Redis, room: str, write: Callable[[str, Counts], Awaitable[None]]) -> None:
    """By a call of WRITE (`store`)."""
    key = f"chat:{{{room}}}:heat"
    draining = f"{key}:draining"
    try:
        await redis.renamenx(key, draining)  # not where some are left from the last time
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
    counts: dict[Any, Any] = await redis.hgetall(draining)
    if counts:
        await write(room, {_place(name.decode()): int(count) for name, count in counts.items()})
        await redis.delete(draining)


def _place(name: str) -> tuple[int, str]:
    second, _, emoji = name.partition(":")
    return int(second), emoji


def store(room: str, counts: Counts) -> None:
    """What falls into no broadcast is dropped: there is no picture to lay it on."""
    earliest = dt.datetime.fromtimestamp(min(second for second, _ in counts), tz=dt.UTC)
    found = Broadcast.objects.filter(Q(ended_at=None) | Q(ended_at__gte=earliest), channel__name=room)
    heat: defaultdict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    for broadcast in found:
        start = int(broadcast.started_at.timestamp())
        end = broadcast.ended_at.timestamp() if broadcast.ended_at else float("inf")
        for (second, emoji), count in counts.items():
            if start <= second <= end:
                heat[broadcast.pk][second - start, emoji] += count
    for broadcast_id, places in heat.items():
        ReactionHeat.add(broadcast_id, places)
