"""What the site's moderators do to broadcasts, channels and accounts. Each change and its entry in the log are one transaction.

Raises Refused, with a sentence that says why.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts import modlog
from accounts.models import CHANNEL_NAME, Channel, FormerName, ModAction, User, refuse_reserved
from streams import broadcasts
from streams.models import Broadcast

Code = ModAction.Code

# Sent within the transaction that makes it so; a receiver that fails undoes it.
standing_changed = Signal()  # of an account: `user`, who may or may no longer come in
renamed = Signal()  # a channel: `before`, `after`


class Refused(Exception):
    pass


def require_over(by: User, user: User) -> None:
    if by.pk == user.pk:
        raise Refused(_("That would be your own account. Ask somebody else."))
    if not by.outranks(user):
        raise Refused(_("That account belongs to the site's team. Ask an administrator with more rights."))


# --- broadcasts -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def end(broadcast: Broadcast, reason: str, by: User, now: dt.datetime) -> None:
    """The publisher is dropped, and its key refused for a minute: encoders reconnect by themselves."""
    if not broadcasts.cut(broadcast, now):
        raise Refused(_("It had ended before."))
    _write(Code.END, by, broadcast.channel, now, reason, broadcast=broadcast.pk)


# --- channels -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def suspend(channel: Channel, until: dt.datetime, reason: str, by: User, now: dt.datetime) -> None:
    """What is live ends, and nothing is published before UNTIL."""
    require_over(by, _locked(channel).owner)
    if until <= now:
        raise Refused(_("Choose an end that lies ahead."))
    Channel.objects.filter(pk=channel.pk).update(suspended_until=until, suspended_for=reason)
    _write(Code.SUSPEND, by, channel, now, reason, until=f"{until:%Y-%m-%d %H:%M} UTC")
    _end_open(channel, "suspended", now)


@transaction.atomic
def lift(channel: Channel, reason: str, by: User, now: dt.datetime) -> None:
    if not _locked(channel).is_suspended(now):
        raise Refused(_("It is not suspended."))
    Channel.objects.filter(pk=channel.pk).update(suspended_until=None, suspended_for="")
    _write(Code.LIFT, by, channel, now, reason)


def rename(channel: Channel, name: str, reason: str, by: User, now: dt.datetime) -> None:
    """The old name leads to the new one, and is nobody else's, for a while."""
    try:
        _rename(channel, name, reason, by, now)
    except IntegrityError as error:
        raise Refused(_("This name is taken. Choose another one.")) from error


@transaction.atomic
def _rename(channel: Channel, name: str, reason: str, by: User, now: dt.datetime) -> None:
    before = _locked(channel)
    require_over(by, before.owner)
    if before.broadcasts.filter(state__in=Broadcast.OPEN).exists():
        raise Refused(_("It is live: players and the chat know it by its name. End the broadcast first."))
    _require_free(name, before, now)
    FormerName.objects.filter(name=name).delete()
    FormerName.objects.update_or_create(name=before.name, defaults={"channel": before, "until": now + FormerName.KEPT})
    _write(Code.RENAME, by, before, now, reason, name=name)
    Channel.objects.filter(pk=before.pk).update(name=name)
    renamed.send(Channel, before=before.name, after=name)


def _require_free(name: str, channel: Channel, now: dt.datetime) -> None:
    try:
        CHANNEL_NAME(name)
        refuse_reserved(name)
    except ValidationError as error:
        raise Refused(error.messages[0]) from error
    if name == channel.name:
        raise Refused(_("That is its name already."))
    former = FormerName.find(name, now)
    if Channel.objects.filter(name=name).exists() or (former and former != channel):
        raise Refused(_("This name is taken. Choose another one."))


# --- accounts -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def ban(user: User, reason: str, by: User, now: dt.datetime) -> None:
    """Logs it out everywhere, ends what it broadcasts, and keeps it out of the site and its chats."""
    require_over(by, user)
    channel = Channel.objects.filter(owner=user).first()
    if channel:
        _locked(channel)  # a publisher that comes now waits, and finds the account banned
    _change_standing(user, False)
    _write(Code.SHUT, by, channel, now, reason, user=user)
    if channel:
        _end_open(channel, "admin", now)


@transaction.atomic
def unban(user: User, reason: str, by: User, now: dt.datetime) -> None:
    require_over(by, user)
    _change_standing(user, True)
    _write(Code.REOPEN, by, Channel.objects.filter(owner=user).first(), now, reason, user=user)


def _change_standing(user: User, is_active: bool) -> None:
    changed = User.objects.filter(pk=user.pk, is_active=not is_active)
    if not changed.update(is_active=is_active, session_epoch=F("session_epoch") + 1):
        raise Refused(_("It is not banned.") if is_active else _("It is banned already."))
    user.auth_token_set.all().delete()
    standing_changed.send(User, user=user)


# --------------------------------------------------------------------------------------------------------------------------


def _locked(channel: Channel) -> Channel:
    """As it is now; whoever wants to begin a broadcast there waits."""
    return Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)


def _end_open(channel: Channel, because: str, now: dt.datetime) -> None:
    for broadcast in channel.broadcasts.filter(state__in=Broadcast.OPEN):
        broadcasts.end(broadcast.pk, because, now)


def _write(
    code: ModAction.Code,
    by: User,
    channel: Channel | None,
    now: dt.datetime,
    reason: str,
    user: User | None = None,
    **detail: Any,
) -> None:
    concerned = user or (channel.owner if channel else None)
    modlog.write(code, by, channel, now, user=concerned, reason=reason, **detail)
