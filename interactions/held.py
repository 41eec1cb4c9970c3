"""Messages that wait for a moderator."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from accounts import modlog
from accounts.models import Channel, ModAction, User
from interactions import speech
from interactions.enforcement import append_on_commit, tell_on_commit
from interactions.models import HeldMessage
from interactions.protocol import Refused, Say, near
from interactions.standing import author, channel_of, name_of, require, restricted
from interactions.wire import user_id
from streams.moments import unix_ms

MOST = 100  # that wait in one room
MOST_OF_ONE = 3
SHOWN = 50

Code = ModAction.Code
State = HeldMessage.State


def hold(room: str, by: User, frame: Say, reason: str, now: dt.datetime) -> None:
    """The same nonce again changes nothing. Raises Refused: held_full, or what keeps the author out."""
    channel = channel_of(room)
    if out := restricted(by, channel, now):
        raise Refused(out.code)
    known = HeldMessage.objects.filter(channel=channel, user=by, nonce=frame.nonce).exists()
    if known:
        return
    waiting = HeldMessage.objects.filter(channel=channel, state=State.WAITING)
    if waiting.count() >= MOST or waiting.filter(user=by).count() >= MOST_OF_ONE:
        raise Refused("held_full")
    media = near(frame.media, unix_ms(now))
    with transaction.atomic():
        held = HeldMessage.objects.create(
            channel=channel, user=by, text=frame.text, re=frame.re, media=media, nonce=frame.nonce, reason=reason, at=now
        )
        _tell(channel, as_item(held))


def waiting(channel: Channel) -> list[dict[str, Any]]:
    """The queue as its moderators get it, the oldest first."""
    found = HeldMessage.objects.filter(channel=channel, state=State.WAITING).select_related("user__channel").order_by("at")
    return [as_item(held) for held in found[:SHOWN]]


def as_item(held: HeldMessage) -> dict[str, Any]:
    by = {"id": user_id(held.user_id), "name": name_of(held.user)}
    at = unix_ms(held.at)
    return {"t": "queue", "id": held.pk, "by": by, "text": held.text, "reason": held.reason, "at": at}


def approve(by: User, channel: Channel, held_id: int, now: dt.datetime) -> None:
    """It is said now, by whoever wrote it. Raises Refused: not_found, or what keeps its author out by now."""
    with transaction.atomic():
        held = _decide(by, channel, held_id, State.APPROVED, Code.APPROVE, now)
        if out := restricted(held.user, channel, now):
            raise Refused(out.code)
        frame = Say(held.nonce, held.text, held.re, held.media)
        append_on_commit(channel, speech.message(author(channel.name, held.user_id), frame, now))


def deny(by: User, channel: Channel, held_id: int, now: dt.datetime) -> None:
    with transaction.atomic():
        held = _decide(by, channel, held_id, State.DENIED, Code.DENY, now)
        _tell_denied(held)


def withdraw(user: User, channel: Channel | None) -> dict[str, Any]:
    """Denies all that the user has waiting, there or (None) anywhere. What the log is to say of it."""
    with transaction.atomic():
        found = HeldMessage.objects.select_for_update(of=("self",)).filter(user=user, state=State.WAITING)
        held = list((found.filter(channel=channel) if channel else found).select_related("channel").order_by("at"))
        HeldMessage.objects.filter(pk__in=[one.pk for one in held]).update(state=State.DENIED)
        for one in held:
            _tell(one.channel, {"t": "queue.done", "id": one.pk})
            _tell_denied(one)
    return {"held": " ".join(f"“{one.text}”" for one in held)} if held else {}


def _decide(
    by: User, channel: Channel, held_id: int, state: HeldMessage.State, code: ModAction.Code, now: dt.datetime
) -> HeldMessage:
    """The first of two moderators does; the other is told that it is not there."""
    require(by, channel, now)
    waiting = HeldMessage.objects.filter(pk=held_id, channel=channel, state=State.WAITING)
    if not waiting.update(state=state):
        raise Refused("not_found")
    held = HeldMessage.objects.select_related("user__channel").get(pk=held_id)
    modlog.write(code, by, channel, now, user=held.user, text=held.text)
    _tell(channel, {"t": "queue.done", "id": held.pk})
    return held


def _tell_denied(held: HeldMessage) -> None:
    denied = {"type": "user.item", "room": held.channel.name, "item": {"t": "denied", "nonce": held.nonce}}
    tell_on_commit(f"user.{user_id(held.user_id)}", denied)


def _tell(channel: Channel, item: dict[str, Any]) -> None:
    tell_on_commit(f"mods.{channel.name}", {"type": "room.item", "item": item})
