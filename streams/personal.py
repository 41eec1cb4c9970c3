"""What streams keep of a person."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from django.dispatch import receiver
from django.utils import timezone
from pymongo.errors import PyMongoError

from accounts.models import User
from accounts.personal import Unavailable, exporters, forgotten, leaving
from accounts.profile import forget
from streams import broadcasts
from streams.documents import Audience, StreamKey, StreamMetadata
from streams.models import Broadcast

HOUR_S = 3600


def keys(user: User) -> list[dict[str, Any]]:
    if not hasattr(user, "channel"):
        return []
    public = ("public_id", "label", "created_at", "expires_at", "revoked_at", "last_used_at")
    try:
        found = StreamKey.of_channel(user.channel.pk)
    except PyMongoError as error:
        raise Unavailable from error
    return [{name: getattr(key, name) for name in public} for key in found]


def past(user: User) -> Any:
    names = ("id", "title", "state", "addr", "started_at", "live_at", "ended_at", "end_reason")
    return list(Broadcast.objects.filter(channel__owner=user).order_by("started_at").values(*names, "category__name"))


def schedule(user: User) -> Any:
    return list(user.channel.schedule.values("starts_at", "title")) if hasattr(user, "channel") else []


exporters |= {"stream_keys": keys, "broadcasts": past, "schedule": schedule}


@receiver(leaving)
def leave(sender: type[User], user: User, **kwargs: Any) -> None:
    """Keys go first, so that no encoder comes back; then what is on ends."""
    if not hasattr(user, "channel"):
        return
    own = Broadcast.objects.filter(channel=user.channel)
    try:
        StreamKey.objects(channel_id=user.channel.pk).delete()
        for pk in own.filter(state__in=Broadcast.OPEN).values_list("pk", flat=True):
            broadcasts.end(pk, "admin", timezone.now())
        StreamMetadata.objects(id__in=list(own.values_list("pk", flat=True))).delete()
        Audience.objects(id__in=list(hours(own))).delete()
    except PyMongoError as error:
        raise Unavailable from error


def hours(found: Iterable[Broadcast]) -> Iterable[str]:
    """The ids of the documents that a broadcast has by the hour."""
    for one in found:
        length_s = ((one.over_at or timezone.now()) - one.started_at).total_seconds()
        yield from (f"{one.pk}:{hour}" for hour in range(math.ceil(length_s / HOUR_S) + 1))


@receiver(forgotten)
def forget_pictures(sender: type[User], user: User, **kwargs: Any) -> None:
    for name in Broadcast.objects.filter(channel__owner=user).exclude(poster="").values_list("poster", flat=True):
        forget(name)
