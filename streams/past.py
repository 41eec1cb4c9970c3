"""What became of a channel's broadcasts: for its streamer alone."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from pymongo.errors import PyMongoError

from accounts.models import Channel
from accounts.requests import SignedInRequest
from streams import figures
from streams.dashboard import streamer_required
from streams.documents import StreamMetadata
from streams.figures import Figures
from streams.models import Broadcast
from streams.reasons import REASONS, said

logger = logging.getLogger(__name__)

T = TypeVar("T")

LISTED = 20


class PastRow(NamedTuple):
    broadcast: Broadcast
    length: dt.timedelta | None
    figures: Figures | None


@streamer_required
def past(request: SignedInRequest, channel: Channel) -> HttpResponse:
    now = timezone.now()
    of_channel = channel.broadcasts.select_related("category").order_by("-started_at", "pk")
    page = Paginator(of_channel, LISTED).get_page(request.GET.get("page"))
    found = from_documents(lambda: figures.of(list(page), now))
    context = {"channel": channel, "page": page, "rows": rows(list(page), found or {}), "unknown": found is None}
    return render(request, "dashboard/past.html", context)


def rows(broadcasts: Sequence[Broadcast], found: dict[str, Figures]) -> list[PastRow]:
    return [PastRow(each, length(each), found.get(each.pk)) for each in broadcasts]


def length(broadcast: Broadcast) -> dt.timedelta | None:
    return broadcast.over_at - broadcast.started_at if broadcast.over_at else None


@streamer_required
def broadcast(request: SignedInRequest, channel: Channel, broadcast_id: str) -> HttpResponse:
    now = timezone.now()
    shown = get_object_or_404(channel.broadcasts.select_related("category"), pk=broadcast_id)
    found = from_documents(lambda: documents(shown, now))
    totals, minutes, facts = found or (None, [], None)
    context = {
        "channel": channel,
        "broadcast": shown,
        "length": length(shown),
        "figures": totals,
        "minutes": minutes,
        "graphs": [graphed(minute) for minute in minutes],
        "facts": facts,
        "latency_s": totals.latency_ms / 1000 if totals and totals.latency_ms else None,
        "renditions": [rendition(name, one) for name, one in facts.renditions.items()] if facts else [],
        "unknown": found is None,
        "ended": REASONS.get(shown.end_reason),
        "advice": [words for entry in shown.advice if (words := said(entry))],
    }
    return render(request, "dashboard/broadcast.html", context)


def documents(shown: Broadcast, now: dt.datetime) -> tuple[Figures | None, list[dict[str, Any]], StreamMetadata | None]:
    totals = figures.of([shown], now).get(shown.pk)
    return totals, figures.minutes(shown, now), StreamMetadata.objects(id=shown.pk).first()


def rendition(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    return facts | {"name": name, "kbit_s": round(facts.get("bandwidth", 0) / 1000)}


def graphed(minute: dict[str, Any]) -> dict[str, Any]:
    """Numbers alone, for the graphs."""
    latency_ms = minute.get("latency_ms")
    return {
        "minute": minute["minute"],
        "viewers": minute.get("viewers", 0),
        "peak": minute.get("peak", 0),
        "stalls": minute.get("stalls", 0),
        "latency_s": None if latency_ms is None else latency_ms / 1000,
        "room": minute.get("room", 0),
    }


def from_documents(read: Callable[[], T]) -> T | None:
    """None while MongoDB does not answer: the page says so, and shows what PostgreSQL knows."""
    try:
        return read()
    except PyMongoError:
        logger.exception("figures of past broadcasts could not be read")
        return None
