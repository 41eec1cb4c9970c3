"""Carries into the rooms what happens to their channels and to accounts."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from procrastinate.contrib.django import app

from accounts.models import Channel, User
from interactions import held
from interactions.enforcement import append, rename_on_commit, restriction_on_commit
from streams import broadcasts, moderation
from streams.models import Broadcast
from streams.moments import unix_ms


@receiver(broadcasts.went_live)
def live(sender: type[Broadcast], broadcast_id: str, **kwargs: Any) -> None:
    _defer(broadcast_id, "live")


@receiver(broadcasts.lost)
def lost(sender: type[Broadcast], broadcast_id: str, **kwargs: Any) -> None:
    _defer(broadcast_id, "lost")


@receiver(broadcasts.came_back)
def back(sender: type[Broadcast], broadcast_id: str, **kwargs: Any) -> None:
    _defer(broadcast_id, "back")


@receiver(broadcasts.ended)
def ended(sender: type[Broadcast], broadcast_id: str, **kwargs: Any) -> None:
    _defer(broadcast_id, "ended")


@transaction.atomic
def _defer(broadcast_id: str, kind: str) -> None:
    """With the change itself, so that none is told without the other; in the order of the changes."""
    task = app.configure_task("tell_room", queue="jobs", lock=f"tell_room:{broadcast_id}")
    task.defer(broadcast_id=broadcast_id, kind=kind)


def tell(broadcast_id: str, kind: str) -> None:
    """What failed before it was live has not ended for the room either; who is back by now is not told to be lost."""
    broadcast = Broadcast.objects.select_related("channel").filter(pk=broadcast_id).first()
    if broadcast is None:  # its owner's account was deleted
        return
    times = {"live": broadcast.live_at, "lost": broadcast.lost_at, "back": broadcast.connected_at, "ended": broadcast.ended_at}
    at = times[kind]
    if broadcast.live_at is None or at is None:
        return
    append(broadcast.channel.name, {"t": "sys", "kind": kind, "at": unix_ms(at)})


@receiver(moderation.standing_changed)
def banned_or_unbanned(sender: type[User], user: User, **kwargs: Any) -> None:
    restriction_on_commit(user, None)
    if not User.objects.filter(pk=user.pk, is_active=True).exists():
        held.withdraw(user, None)


@receiver(moderation.renamed)
def renamed(sender: type[Channel], before: str, after: str, **kwargs: Any) -> None:
    rename_on_commit(before, after)
