"""What chats keep of a person. Reports and the log of moderation outlive accounts: they say who was called what."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from accounts.models import Channel, User
from accounts.personal import Unavailable, exporters, forgotten, leaving
from interactions import room_log
from interactions.documents import ReactionHeat
from interactions.enforcement import append_on_commit, with_control
from interactions.models import HeldMessage, Message, Restriction
from interactions.standing import wire_id
from streams.models import Broadcast
from streams.personal import hours


def messages(user: User) -> Any:
    found = Message.objects.filter(user=user).order_by("at")
    return list(found.values("channel__name", "text", "at", "state"))


def held(user: User) -> Any:
    return list(HeldMessage.objects.filter(user=user).order_by("at").values("channel__name", "text", "at", "state"))


def restrictions(user: User) -> Any:
    return list(Restriction.objects.filter(user=user).values("channel__name", "kind", "until", "reason", "at"))


def roles(user: User) -> Any:
    return list(user.room_roles.values("channel__name", "role"))


exporters |= {"messages": messages, "held_messages": held, "restrictions": restrictions, "roles": roles}


@receiver(leaving)
def leave(sender: type[User], user: User, **kwargs: Any) -> None:
    if not hasattr(user, "channel"):
        return
    try:
        ReactionHeat.objects(id__in=list(hours(Broadcast.objects.filter(channel=user.channel)))).delete()
        with_control(lambda redis: room_log.drop(redis, user.channel.name))
    except (PyMongoError, RedisError) as error:
        raise Unavailable from error


@receiver(forgotten)
def take_back(sender: type[User], user: User, **kwargs: Any) -> None:
    """What they said elsewhere leaves those rooms; the archive's copies go with the account."""
    for channel in Channel.objects.filter(messages__user=user).exclude(owner=user).distinct():
        append_on_commit(channel, {"t": "purge", "user": wire_id(user)})
