"""Writes how many people a broadcast's room has beside the audience's other figures."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from streams.documents import Audience
from streams.models import Broadcast


class Live(NamedTuple):
    broadcast_id: str
    room: str
    minute: int  # since its start


def live(now: dt.datetime) -> list[Live]:
    found = Broadcast.objects.filter(state__in=Broadcast.OPEN).select_related("channel")
    return [Live(each.pk, each.channel.name, int((now - each.started_at).total_seconds() // 60)) for each in found]


def note(counts: dict[Live, int]) -> None:
    for each, count in counts.items():
        Audience.note(each.broadcast_id, each.minute, room=count)
