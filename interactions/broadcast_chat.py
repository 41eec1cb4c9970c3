"""What was written and felt during a broadcast: a part of its page on the dashboard."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Extract, Floor
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from accounts.models import Channel
from accounts.requests import SignedInRequest
from interactions.documents import HOUR_S, ReactionHeat
from interactions.models import Message
from streams.dashboard import streamer_required
from streams.models import Broadcast
from streams.past import from_documents


@streamer_required
def broadcast_chat(request: SignedInRequest, channel: Channel, broadcast_id: str) -> HttpResponse:
    shown = get_object_or_404(channel.broadcasts, pk=broadcast_id)
    end = shown.ended_at or timezone.now()
    said = Message.objects.filter(channel=channel, at__gte=shown.started_at, at__lte=end)
    heat = from_documents(lambda: reactions(shown, end))
    emoji, felt = heat or (Counter(), Counter())
    written = by_minute(said, shown.started_at)
    context = {
        "totals": said.aggregate(messages=Count("pk"), people=Count("user", distinct=True)),
        "emoji": emoji.most_common(),
        "reactions": emoji.total(),
        "minutes": [minute(number, written, felt) for number in range(max([*written, *felt], default=-1) + 1)],
        "unknown": heat is None,
    }
    return render(request, "dashboard/broadcast_chat.html", context)


def by_minute(said: QuerySet[Message], began: dt.datetime) -> dict[int, int]:
    """Minute of the broadcast → messages."""
    since = Floor((Extract(F("at"), "epoch") - began.timestamp()) / 60)
    counts = said.annotate(minute=since).order_by().values("minute").annotate(messages=Count("pk"))
    return {int(row["minute"]): row["messages"] for row in counts}


def reactions(shown: Broadcast, end: dt.datetime) -> tuple[Counter[str], Counter[int]]:
    """How often each emoji, and how many in each minute. Raises PyMongoError."""
    emoji: Counter[str] = Counter()
    felt: Counter[int] = Counter()
    for hour in range(int((end - shown.started_at).total_seconds()) // HOUR_S + 1):
        for second, counts in ReactionHeat.of(shown.pk, hour).items():
            emoji.update(counts)
            felt[(hour * HOUR_S + second) // 60] += sum(counts.values())
    return emoji, felt


def minute(number: int, written: dict[int, int], felt: dict[int, int]) -> dict[str, Any]:
    return {"minute": number, "messages": written.get(number, 0), "reactions": felt.get(number, 0)}
