"""What holds in a room: its settings, blocked terms and roles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import modlog
from accounts.models import Channel, ModAction, User
from interactions import rules
from interactions.enforcement import settings_on_commit, site_terms_on_commit, tell_on_commit
from interactions.models import BlockedTerm, RoomRole, RoomSettings
from interactions.rules import Settings
from interactions.standing import Rank, require, require_over, wire_id

MOST_TERMS = 500  # of one room

Code = ModAction.Code


def settings_of(channel: Channel) -> Settings:
    row = RoomSettings.objects.filter(channel=channel).first() or RoomSettings(channel=channel)
    return row.rules()


def change(by: User, channel: Channel, changes: Mapping[str, Any], now: dt.datetime) -> None:
    """All of them or none. Raises Refused: forbidden, bad_message."""
    require(by, channel, now)
    _change(by, channel, changes, now, Code.SET)


def shield(by: User, channel: Channel, on: bool, now: dt.datetime) -> None:
    require(by, channel, now)
    _change(by, channel, {"shield": on}, now, Code.SHIELD)


@transaction.atomic
def _change(by: User, channel: Channel, changes: Mapping[str, Any], now: dt.datetime, code: ModAction.Code) -> None:
    RoomSettings.objects.get_or_create(channel=channel)
    row = RoomSettings.objects.select_for_update().get(channel=channel)
    before = _fields(row.rules())
    after = _fields(rules.changed(row.rules(), changes))
    differences = {name: [before[name], after[name]] for name in changes if before[name] != after[name]}
    if differences:
        RoomSettings.objects.filter(pk=row.pk).update(**{name: after[name] for name in differences})
        modlog.write(code, by, channel, now, changes=differences)
        settings_on_commit(channel)


def _fields(settings: Settings) -> dict[str, Any]:
    return settings.public() | settings.private()


# --- blocked terms --------------------------------------------------------------------------------------------------------


def block_term(by: User, channel: Channel | None, text: str, now: dt.datetime) -> BlockedTerm:
    """In a room or (no channel) on the site. Raises Refused: forbidden; ValidationError."""
    _require(by, channel, now)
    term = BlockedTerm(channel=channel, text=text.strip(), by=by, at=now)
    term.full_clean()
    if channel and BlockedTerm.objects.filter(channel=channel).count() >= MOST_TERMS:
        message = _("A room has at most %(most)s blocked terms. Remove one first.")
        raise ValidationError(message, code="too_many", params={"most": MOST_TERMS})
    with transaction.atomic():
        term.save()
        modlog.write(Code.TERM_ADD, by, channel, now, text=term.text)
        _terms_on_commit(channel)
    return term


def unblock_term(by: User, term: BlockedTerm, now: dt.datetime) -> None:
    _require(by, term.channel, now)
    with transaction.atomic():
        BlockedTerm.objects.filter(pk=term.pk).delete()
        modlog.write(Code.TERM_REMOVE, by, term.channel, now, text=term.text)
        _terms_on_commit(term.channel)


def _require(by: User, channel: Channel | None, now: dt.datetime) -> None:
    require(by, channel, now, Rank.MODERATOR if channel else Rank.STAFF)


def _terms_on_commit(channel: Channel | None) -> None:
    if channel:
        settings_on_commit(channel)
    else:
        site_terms_on_commit()


# --- roles ----------------------------------------------------------------------------------------------------------------


def set_role(by: User, channel: Channel, user: User, role: str | None, now: dt.datetime) -> None:
    """Makes the user a moderator or VIP of the room, or (None) neither. Raises Refused: forbidden, not_found."""
    require(by, channel, now, Rank.OWNER)
    require_over(by, user, channel, now)
    with transaction.atomic():
        before = RoomRole.objects.filter(channel=channel, user=user).values_list("role", flat=True).first()
        if before == role:
            return
        if role is None:
            RoomRole.objects.filter(channel=channel, user=user).delete()
        else:
            RoomRole.objects.update_or_create(channel=channel, user=user, defaults={"role": role})
        modlog.write(Code.ROLE, by, channel, now, user=user, role=role, before=before)
        tell_on_commit(f"user.{wire_id(user)}", {"type": "user.role", "room": channel.name, "role": role})
