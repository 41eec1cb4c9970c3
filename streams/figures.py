"""What is known of broadcasts' audiences, from MongoDB. Raises PyMongoError."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Q

from streams import audience
from streams.documents import Audience
from streams.models import Broadcast
from streams.moments import unix_ms

Minute = Mapping[str, Any]


class Figures(NamedTuple):
    duration_s: float
    peak: int
    average: float
    watch_hours: float
    stalls: int
    latency_ms: int | None  # on average
    chat_peak: int


def awaited(now: dt.datetime) -> list[tuple[str, int]]:
    """Broadcasts of which minutes may still wait in Redis, and when they began (Unix ms)."""
    recent = Q(ended_at=None) | Q(ended_at__gte=now - dt.timedelta(seconds=audience.KEPT_S))
    return [(each.pk, unix_ms(each.started_at)) for each in Broadcast.objects.filter(recent)]


def of(broadcasts: Sequence[Broadcast], now: dt.datetime) -> dict[str, Figures]:
    """Of each, in one query: their documents' ids follow from when they began and ended."""
    wanted = {f"{each.pk}:{hour}": each.pk for each in broadcasts for hour in range(_hours(each, now))}
    minutes: defaultdict[str, list[Minute]] = defaultdict(list)
    for document in Audience.objects(id__in=list(wanted)) if wanted else []:
        minutes[wanted[document.id]] += document.minutes.values()
    return {each.pk: total(minutes[each.pk], duration_s(each, now)) for each in broadcasts}


def minutes(broadcast: Broadcast, now: dt.datetime) -> list[dict[str, Any]]:
    """One for each minute that anything is known of, in order; `minute` counts from the broadcast's start."""
    ids = {f"{broadcast.pk}:{hour}": hour for hour in range(_hours(broadcast, now))}
    found = []
    for document in Audience.objects(id__in=list(ids)):
        found += [{"minute": ids[document.id] * 60 + int(each)} | figures for each, figures in document.minutes.items()]
    return sorted(found, key=lambda each: each["minute"])


def total(minutes: Sequence[Minute], duration_s: float) -> Figures:
    def top(name: str) -> int:
        return max((each.get(name, 0) for each in minutes), default=0)

    watch_s = sum(each.get("watch_s", 0) for each in minutes)
    delayed = [(each["latency_ms"], each.get("watch_s", 0)) for each in minutes if "latency_ms" in each]
    weight = sum(watched for _, watched in delayed)
    return Figures(
        duration_s=duration_s,
        peak=top("peak"),
        average=round(watch_s / duration_s, 1) if duration_s else 0.0,
        watch_hours=round(watch_s / 3600, 2),
        stalls=sum(each.get("stalls", 0) for each in minutes),
        latency_ms=round(sum(ms * watched for ms, watched in delayed) / weight) if weight else None,
        chat_peak=top("room"),
    )


def duration_s(broadcast: Broadcast, now: dt.datetime) -> float:
    return max(((broadcast.over_at or now) - broadcast.started_at).total_seconds(), 0.0)


def _hours(broadcast: Broadcast, now: dt.datetime) -> int:
    """Of its audience, which waits for a picture, too."""
    return int(max(((broadcast.ended_at or now) - broadcast.started_at).total_seconds(), 0.0) // 3600) + 1
