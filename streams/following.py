"""The channels that somebody follows: those that are live first."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts import mailing
from accounts.models import Channel, Follow, User
from accounts.requests import SignedInRequest
from streams.models import Broadcast


class Followed(NamedTuple):
    follow: Follow
    broadcast: Broadcast | None  # that is on

    @property
    def channel(self) -> Channel:
        return self.follow.channel


@login_required
def following(request: SignedInRequest) -> HttpResponse:
    rows = followed(request.user)
    context = {
        "live": [row for row in rows if row.broadcast],
        "now": timezone.now(),
        "rest": [row for row in rows if not row.broadcast],
        "unreached": any(row.follow.by_mail for row in rows) and not mailing.is_reached(request.user),
    }
    return render(request, "accounts/following.html", context)


def followed(user: User) -> list[Followed]:
    """In two queries, however many they are."""
    on = Broadcast.objects.filter(state__in=Broadcast.ON_AIR, channel__followers__user=user)
    live = {broadcast.channel_id: broadcast for broadcast in on}
    follows = user.follows.select_related("channel__category").order_by("channel__name")
    return [Followed(follow, live.get(follow.channel_id)) for follow in follows]
