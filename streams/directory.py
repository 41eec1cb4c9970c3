"""Which channels there are: who is live first, and whom a search finds. Every page takes the same number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet

from accounts.models import Channel, Follow, User
from streams import audience
from streams.models import Broadcast

PER_PAGE = 24


@dataclass(frozen=True)
class Wanted:
    """What a visitor asks for; empty: all that are live, the most watched first."""

    q: str = ""
    category: str = ""
    language: str = ""
    tag: str = ""
    sort: str = "viewers"
    offline: bool = False

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.category or self.language or self.tag)


@dataclass(frozen=True)
class Card:
    channel: Channel
    broadcast: Broadcast | None = None
    viewers: int | None = None  # None: nobody knows


class OnAir(NamedTuple):
    """What is needed to sort a broadcast."""

    id: str
    channel: int
    name: str
    since: dt.datetime


class Cards:
    """Those on air, as they are sorted, then the channels that are not; read a page at a time."""

    def __init__(self, on_air: Sequence[OnAir], off_air: QuerySet[Channel] | None, viewers: dict[str, int]) -> None:
        self.on_air, self.off_air, self.viewers = on_air, off_air, viewers

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _length(self) -> int:
        return len(self.on_air) + (0 if self.off_air is None else self.off_air.count())

    def __getitem__(self, wanted: slice) -> list[Card]:
        first, end = wanted.start, min(wanted.stop, len(self))
        live = cards(self.on_air[first:end], self.viewers)
        split = len(self.on_air)
        if self.off_air is None or end <= split:
            return live
        # Names are sorted without all that goes with them: the last pages would sort thousands of descriptions.
        keys = list(self.off_air.values_list("pk", flat=True)[max(first - split, 0) : end - split])
        found = Channel.objects.select_related("category").in_bulk(keys)
        return live + [Card(found[key]) for key in keys if key in found]


def page(wanted: Wanted, number: str | int, follower: User | AnonymousUser, now: dt.datetime) -> tuple[list[Card], Page[Card]]:
    """Who of those that somebody follows is live, the most watched first: above the first page of all, not on it again."""
    found = find(replace(wanted, offline=wanted.offline or bool(wanted.q)), now)  # a search is for anybody
    follows = set() if wanted.narrows or number != 1 else followed_by(follower)
    above = sort([row for row in found.on_air if row.channel in follows], "viewers", found.viewers)[:PER_PAGE]
    shown = set(above)
    below: Any = Cards([row for row in found.on_air if row not in shown], found.off_air, found.viewers)
    return cards(above, found.viewers), Paginator(below, PER_PAGE).get_page(number)


def find(wanted: Wanted, now: dt.datetime) -> Cards:
    rows = on_air(channels(wanted, now))
    viewers = audience.viewers_now([row.id for row in rows])
    return Cards(sort(rows, wanted.sort, viewers), not_on_air(wanted, now) if wanted.offline else None, viewers)


def followed_by(user: User | AnonymousUser) -> set[int]:
    return set(Follow.objects.filter(user=user).values_list("channel", flat=True)) if user.is_authenticated else set()


# --- what is asked for ----------------------------------------------------------------------------------------------------


def visible(now: dt.datetime) -> Q:
    """Suspended channels and closed accounts are listed nowhere."""
    # Not a join: that reads all users as often as all channels are counted.
    closed = User.objects.filter(is_active=False)
    return (Q(suspended_until=None) | Q(suspended_until__lte=now)) & ~Q(owner__in=closed)


def channels(wanted: Wanted, now: dt.datetime) -> Q:
    found = visible(now)
    for word in wanted.q.split():
        found &= Q(name__icontains=word) | Q(title__icontains=word) | Q(tags__contains=[word.lower()])
    if wanted.category:
        found &= Q(category__slug=wanted.category)
    if wanted.language:
        found &= Q(language=wanted.language)
    if wanted.tag:
        found &= Q(tags__contains=[wanted.tag.lower()])
    return found


def not_on_air(wanted: Wanted, now: dt.datetime) -> QuerySet[Channel]:
    live = Broadcast.objects.filter(state__in=Broadcast.ON_AIR).values("channel")
    order = "-created_at" if wanted.sort == "newest" else "name"
    return Channel.objects.filter(channels(wanted, now)).exclude(pk__in=live).order_by(order)


def on_air(found: Q) -> list[OnAir]:
    rows = Broadcast.objects.filter(channel__in=Channel.objects.filter(found), state__in=Broadcast.ON_AIR)
    return [OnAir(*row) for row in rows.values_list("id", "channel_id", "channel__name", "started_at")]


def sort(rows: Sequence[OnAir], by: str, viewers: dict[str, int]) -> list[OnAir]:
    if by == "name":
        return sorted(rows, key=lambda row: row.name)
    newest = sorted(rows, key=lambda row: row.since, reverse=True)
    return newest if by == "newest" else sorted(newest, key=lambda row: -viewers.get(row.id, 0))


def cards(rows: Sequence[OnAir], viewers: dict[str, int]) -> list[Card]:
    if not rows:
        return []
    found = Broadcast.objects.select_related("channel__category").in_bulk([row.id for row in rows])
    live = [found[row.id] for row in rows if row.id in found]  # one may have been deleted in between
    return [Card(broadcast.channel, broadcast, viewers.get(broadcast.pk)) for broadcast in live]
