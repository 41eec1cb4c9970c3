"""Keeps people from writing, in one room or (no channel) on the whole site, and lets them write again.

A ban from the site is one from its chats: the account writes and moderates nowhere, its own room included, where its
moderators go on. It may still log in, watch and stream: to take that away as well, an administrator deactivates the account.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from accounts import modlog
from accounts.models import Channel, ModAction, User
from interactions import held
from interactions.enforcement import restriction_on_commit, tell_on_commit
from interactions.models import Restriction, RoomRole
from interactions.protocol import Refused
from interactions.standing import require_over, wire_id

Code = ModAction.Code


def timeout(by: User, channel: Channel | None, user: User, seconds: int, now: dt.datetime, reason: str = "") -> None:
    until = now + dt.timedelta(seconds=seconds)
    require_over(by, user, channel, now)
    with transaction.atomic():
        _restrict(by, channel, user, Restriction.Kind.TIMEOUT, until, now, reason)
        modlog.write(Code.TIMEOUT, by, channel, now, user=user, reason=reason, seconds=seconds)


def ban(by: User, channel: Channel | None, user: User, now: dt.datetime, reason: str = "") -> None:
    """Takes the user's role in the room as well, and what waits for a moderator."""
    require_over(by, user, channel, now)
    with transaction.atomic():
        _restrict(by, channel, user, Restriction.Kind.BAN, None, now, reason)
        modlog.write(Code.BAN, by, channel, now, user=user, reason=reason, **held.withdraw(user, channel))
        if channel and RoomRole.objects.filter(channel=channel, user=user).delete()[0]:
            modlog.write(Code.ROLE, by, channel, now, user=user, role=None)
            tell_on_commit(f"user.{wire_id(user)}", {"type": "user.role", "room": channel.name, "role": None})


def _restrict(
    by: User, channel: Channel | None, user: User, kind: str, until: dt.datetime | None, now: dt.datetime, reason: str
) -> None:
    values = {"kind": kind, "until": until, "reason": reason, "by": by, "at": now}
    Restriction.objects.update_or_create(user=user, channel=channel, defaults=values)
    restriction_on_commit(user, channel)


def absolve(by: User, channel: Channel | None, user: User, now: dt.datetime) -> None:
    require_over(by, user, channel, now)
    with transaction.atomic():
        if not Restriction.objects.filter(Restriction.in_force(now), user=user, channel=channel).delete()[0]:
            raise Refused("not_found")
        modlog.write(Code.ABSOLVE, by, channel, now, user=user)
        restriction_on_commit(user, channel)
