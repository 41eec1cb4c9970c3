"""What is live, as moderators see it side by side."""

from __future__ import annotations

from typing import NamedTuple

from streams import audience
from streams.models import Broadcast

SHOWN = 60  # the most watched; the list has all


class Tile(NamedTuple):
    broadcast: Broadcast
    viewers: int | None  # None: not known now


class Wall(NamedTuple):
    tiles: list[Tile]
    total: int  # of all that are live


def live() -> Wall:
    found = list(Broadcast.objects.filter(state__in=Broadcast.OPEN).select_related("channel").order_by("-started_at"))
    viewers = audience.viewers_now([broadcast.pk for broadcast in found]) if found else {}
    tiles = [Tile(broadcast, viewers.get(broadcast.pk)) for broadcast in found]
    tiles.sort(key=lambda tile: -(tile.viewers or 0))
    return Wall(tiles[:SHOWN], len(tiles))
