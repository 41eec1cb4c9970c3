"""Puts in force what PostgreSQL has decided: Redis for what is said, the channel layer for who is there.

Called on commit. Redis may be away then: the `enforce` jobs do it as soon as it answers.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone
from procrastinate.contrib.django import app
from redis.asyncio import Redis
from redis.exceptions import RedisError

from accounts.models import Channel, User
from interactions import room_log
from interactions.identity import fingerprint
from interactions.models import Restriction, RoomSettings
from interactions.protocol import Refused
from interactions.room_log import Restored
from interactions.standing import channel_of
from interactions.wire import user_id
from streams.models import Broadcast
from streams.moments import unix_ms

log = logging.getLogger(__name__)

T = TypeVar("T")

ROOMS_AT_ONCE = 200  # that are locked while they are told of a change
GONE = dt.timedelta(hours=1)  # so long is a deleted account's number kept out: whoever was coming in has come by then


def with_control(call: Callable[[Redis], Awaitable[T]]) -> T:
    async def run() -> T:
        async with room_log.connect() as redis:
            return await call(redis)

    return async_to_sync(run)()


def ask(call: Callable[[Redis], Awaitable[T]]) -> T:
    """As `with_control`, for who waits for the answer. Raises Refused: busy."""
    try:
        return with_control(call)
    except RedisError as error:
        log.warning("control Redis: %s", type(error).__name__)
        raise Refused("busy") from error


# --- on commit ------------------------------------------------------------------------------------------------------------


def append_on_commit(channel: Channel, item: dict[str, Any]) -> None:
    _on_commit(lambda: append(channel.name, item), "enforce_item", room=channel.name, item=item)


def settings_on_commit(channel: Channel) -> None:
    _on_commit(lambda: put_settings(channel.pk), "enforce_settings", channel_id=channel.pk)


def site_terms_on_commit() -> None:
    _on_commit(put_site_terms, "enforce_site_terms")


def restriction_on_commit(user: User, channel: Channel | None) -> None:
    who, where = user.pk, channel.pk if channel else None  # a deleted account has no key any more when it is committed
    _on_commit(lambda: put_restriction(who, where), "enforce_restriction", user_id=who, channel_id=where)


def rename_on_commit(before: str, after: str) -> None:
    _on_commit(lambda: move_room(before, after), "enforce_rename", before=before, after=after)


def _on_commit(act: Callable[[], None], task: str, **arguments: Any) -> None:
    def run() -> None:
        try:
            act()
        except RedisError as error:
            log.warning("control Redis: %s; %s is left to a job", type(error).__name__, task)
            app.configure_task(task, queue="jobs").defer(**arguments)

    transaction.on_commit(run)


# --- each may be done again -----------------------------------------------------------------------------------------------


def append(room: str, item: dict[str, Any]) -> None:
    async def put(redis: Redis) -> None:
        await room_log.append(redis, room, item)

    _with_room(room, put)


@transaction.atomic
def put_settings(channel_id: int) -> None:
    """As they are now: the lock keeps two that change them at once from leaving the older ones in Redis."""
    RoomSettings.objects.get_or_create(channel_id=channel_id)
    row = RoomSettings.objects.select_for_update(of=("self",)).select_related("channel").get(channel=channel_id)
    settings = row.rules()

    async def put(redis: Redis) -> None:
        await room_log.set_settings(redis, row.channel.name, settings.public(), settings.private())

    _with_room(row.channel.name, put)


def put_site_terms() -> None:
    """In every room that Redis knows; others begin with them."""
    known = with_control(room_log.rooms)
    for first in range(0, len(known), ROOMS_AT_ONCE):
        _put_rules(known[first : first + ROOMS_AT_ONCE])


@transaction.atomic
def _put_rules(rooms: Sequence[str]) -> None:
    channels = Channel.objects.filter(name__in=rooms)
    RoomSettings.objects.bulk_create([RoomSettings(channel=each) for each in channels], ignore_conflicts=True)
    rows = RoomSettings.objects.select_for_update(of=("self",)).filter(channel__name__in=rooms).order_by("pk")
    found = {row.channel.name: row.rules() for row in rows.select_related("channel")}

    async def put(redis: Redis) -> None:
        for name, settings in found.items():
            await room_log.set_settings(redis, name, settings.public(), settings.private())

    with_control(put)


@transaction.atomic
def put_restriction(user_pk: int, channel_id: int | None) -> None:
    """As it is now, or that there is none."""
    user = User.objects.select_for_update(no_key=True).filter(pk=user_pk).first()
    channel = Channel.objects.get(pk=channel_id) if channel_id else None
    now = timezone.now()
    found = Restriction.objects.filter(Restriction.in_force(now), user=user_pk, channel=channel).first()
    room, wire = channel.name if channel else None, user_id(user_pk)

    code, until = (found.code, found.until) if found else (None, None)
    if channel is None and (user is None or not user.is_active):  # a banned account is out of every chat
        code, until = "site_banned", None if user else now + GONE

    async def put(redis: Redis) -> None:
        if code is None:
            await room_log.absolve(redis, room, wire)
        else:
            await room_log.restrict(redis, room, wire, code, _ms(until), unix_ms(now))

    with_control(put)
    tell(f"user.{wire}", {"type": "user.out", "room": room, "code": code})


def move_room(before: str, after: str) -> None:
    """Who is in the old room is shown out by its next look, and finds the new one begun from what PostgreSQL knows."""
    with_control(lambda redis: room_log.move(redis, before, after))


def _with_room(room: str, call: Callable[[Redis], Awaitable[None]]) -> None:
    """A room that Redis has forgotten begins with its restrictions, whoever comes first."""

    def forgotten(state: room_log.State) -> bool:
        return not state.epoch or state.settings is None

    if forgotten(with_control(lambda redis: room_log.state(redis, room))):
        known, now_ms = restored(room), unix_ms(timezone.now())
        with_control(lambda redis: room_log.restore(redis, room, known, now_ms))
    with_control(call)


def restored(room: str) -> Restored:
    """What PostgreSQL knows of a room, for a Redis that was emptied. Raises Refused: no_room."""
    channel, now = channel_of(room), timezone.now()
    settings = RoomSettings.objects.get_or_create(channel=channel)[0].rules()
    here = Q(channel=channel) | Q(channel=None)
    found = Restriction.objects.filter(here, Restriction.in_force(now)).select_related("channel")
    is_live = Broadcast.objects.filter(channel=channel, live_at__isnull=False, ended_at=None).exists()
    return Restored(settings.public(), settings.private(), list(_wire(found)), is_live)


def _wire(found: Iterable[Restriction]) -> Iterable[tuple[str | None, str, str, int | None]]:
    for one in found:
        yield (one.channel.name if one.channel else None, user_id(one.user_id), one.code, _ms(one.until))


# --- who is not who they were ---------------------------------------------------------------------------------------------


@receiver(post_delete, sender=Session)
def signed_out(sender: type[Session], instance: Session, **kwargs: Any) -> None:
    """By logging out, from the list of sessions, by a moderator: the sockets that were opened with it are closed."""
    user_pk = instance.get_decoded().get(SESSION_KEY)
    if user_pk:
        message = {"type": "user.signed_out", "session": fingerprint(instance.session_key)}
        tell_on_commit(f"user.{user_id(int(user_pk))}", message)


@receiver(post_save, sender=User)
def saved(sender: type[User], instance: User, created: bool, update_fields: frozenset[str] | None, **kwargs: Any) -> None:
    """In the administration or a shell, an account may have been closed, or opened again."""
    if not created and (update_fields is None or "is_active" in update_fields):
        restriction_on_commit(instance, None)


@receiver(post_delete, sender=User)
def deleted(sender: type[User], instance: User, **kwargs: Any) -> None:
    restriction_on_commit(instance, None)


@receiver(m2m_changed, sender=User.groups.through)
def regrouped(sender: type[Any], instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **kwargs: Any) -> None:
    """Some moderate the site from now on, or no more."""
    if action in ("post_add", "post_remove", "post_clear"):
        for user_pk in (pk_set or ()) if reverse else [instance.pk]:
            tell_on_commit(f"user.{user_id(user_pk)}", {"type": "user.role", "room": None})


# --- the channel layer ----------------------------------------------------------------------------------------------------


def tell_on_commit(group: str, message: dict[str, Any]) -> None:
    transaction.on_commit(lambda: tell(group, message))


def tell(group: str, message: dict[str, Any]) -> None:
    """Who is not reached now learns it when asking next."""
    layer = get_channel_layer()
    assert layer is not None
    try:
        async_to_sync(layer.group_send)(group, message)
    except (RedisError, OSError) as error:
        log.warning("channel layer: %s", type(error).__name__)


def _ms(moment: dt.datetime | None) -> int | None:
    return None if moment is None else unix_ms(moment)
