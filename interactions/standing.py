"""What somebody is in a room, and whom that lets them act on."""

from __future__ import annotations

import datetime as dt
from enum import IntEnum

from django.db.models import OuterRef, Q, Subquery

from accounts.models import Channel, Follow, User
from interactions.models import Restriction, RoomRole
from interactions.protocol import Refused
from interactions.rules import Author
from interactions.wire import user_id

SITE_PERMISSION = "interactions.moderate_site"


class Rank(IntEnum):
    NOBODY = 0
    MODERATOR = 1
    OWNER = 2
    STAFF = 3  # site moderators
    ADMINISTRATOR = 4


RANKS = {"mod": Rank.MODERATOR, "owner": Rank.OWNER, "staff": Rank.STAFF}


def channel_of(room: str) -> Channel:
    """Raises Refused: no_room."""
    channel = Channel.objects.filter(name=room).select_related("owner").first()
    if channel is None:
        raise Refused("no_room")
    return channel


def user_of(called: str) -> User:
    """By the wire's id, or (@) the name. Raises Refused: not_found."""
    one = Q(channel__name=called[1:]) if called.startswith("@") else Q(pk=called.removeprefix("u"))
    user = User.objects.filter(one).select_related("channel").first()
    if user is None:
        raise Refused("not_found")
    return user


def wire_id(user: User) -> str:
    return user_id(user.pk)


def name_of(user: User) -> str:
    return user.called


def role(user: User, channel: Channel | None) -> str | None:
    """In this room, or (None) on the site."""
    if (by_right := _by_right(user, channel.owner_id if channel else None)) or channel is None:
        return by_right
    given = RoomRole.objects.filter(user=user, channel=channel).values_list("role", flat=True).first()
    return str(given) if given else None


def _by_right(user: User, owner_pk: int | None) -> str | None:
    if user.pk == owner_pk:
        return "owner"
    return "staff" if moderates_site(user) else None


def moderates_site(user: User) -> bool:
    return user.is_staff and user.has_perm(SITE_PERMISSION)


def rank(user: User, channel: Channel | None) -> Rank:
    """Site moderators stay what they are in a room of their own."""
    if user.is_superuser and user.is_active:
        return Rank.ADMINISTRATOR
    if moderates_site(user):
        return Rank.STAFF
    return RANKS.get(role(user, channel) or "", Rank.NOBODY)


def author(room: str, user_pk: int) -> Author:
    """Who speaks there, in one query: when chat restarts, all come at once. Raises Refused: no_room, sign_in."""
    owner = Channel.objects.filter(name=room).values("owner")
    given = RoomRole.objects.filter(user=OuterRef("pk"), channel__name=room).values("role")
    follows = Follow.objects.filter(user=OuterRef("pk"), channel__name=room).values("created_at")
    active = User.objects.filter(pk=user_pk, is_active=True).select_related("channel")
    user = active.annotate(owner=Subquery(owner), given=Subquery(given), follows_since=Subquery(follows)).first()
    if user is None:
        raise Refused("sign_in")
    if user.owner is None:
        raise Refused("no_room")
    return Author(user.pk, name_of(user), _by_right(user, user.owner) or user.given, user.follows_since, user.date_joined)


def restricted(user: User, channel: Channel | None, now: dt.datetime) -> Restriction | None:
    """What keeps the user from writing there; the site's goes before the room's."""
    where = Q(channel=None) | Q(channel=channel)
    found = Restriction.objects.filter(Restriction.in_force(now), where, user=user)
    return min(found, key=lambda one: one.channel_id is not None, default=None)


def require(by: User, channel: Channel | None, now: dt.datetime, least: Rank = Rank.MODERATOR) -> Rank:
    """Raises Refused: forbidden, or the code of what keeps a moderator out."""
    if not by.is_active:
        raise Refused("forbidden")
    held = rank(by, channel)
    if held < least:
        raise Refused("forbidden")
    if out := restricted(by, channel, now):
        raise Refused(out.code)
    return held


def require_over(by: User, user: User, channel: Channel | None, now: dt.datetime) -> None:
    """As `require`, and nobody acts on somebody of their own rank or above, nor on the owner of the room."""
    held = require(by, channel, now, Rank.MODERATOR if channel else Rank.STAFF)
    if rank(user, channel) >= held or (channel and user.pk == channel.owner_id):
        raise Refused("forbidden")
