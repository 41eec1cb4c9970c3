"""What happens to a broadcast: it goes live, is lost, resumed, ended. Every change of state is a compare-and-set here alone."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.dispatch import Signal
from redis.exceptions import RedisError

from accounts.models import Channel
from streams import announcements, deferred, logged, rtmp, silence
from streams.models import Broadcast
from streams.refusals import hold, refuse

log = logging.getLogger(__name__)

# Sent with `broadcast_id` within the transaction that makes it so. A receiver that fails is logged, and stops nobody's stream.
went_live = Signal()
lost = Signal()
came_back = Signal()
ended = Signal()

RECORD_AFTER_S = 6  # by then the source has been measured
REFUSED = {"codec", "no_video", "no_media"}
FAILED = {"encoder_failed", "no_encoder"}
LEFT = {"stopped", "lost"}  # by itself


# --- live -----------------------------------------------------------------------------------------------------------------


def go_live(broadcast_id: str, now: dt.datetime, epoch: int = 1) -> bool:
    """The first part of this session's picture is there."""
    only: dict[str, Any] = {"epoch": epoch, "connected_at__isnull": False}
    live = {"state": Broadcast.State.LIVE, "lost_at": None, "reconnect_until": None, "end_reason": ""}
    with transaction.atomic():
        is_first = _change(broadcast_id, [Broadcast.State.PUBLISHING], only, **live, live_at=now)
        if not is_first and not _change(broadcast_id, [Broadcast.State.RECONNECTING], only, **live):
            return False
        deferred.record(broadcast_id, after_s=RECORD_AFTER_S)
        (went_live if is_first else came_back).send_robust(Broadcast, broadcast_id=broadcast_id)
    announcements.show(Broadcast.objects.select_related("channel").get(pk=broadcast_id), now)
    return True


# --- lose -----------------------------------------------------------------------------------------------------------------


def publisher_left(session: str, now: dt.datetime) -> bool:
    """The RTMP server says that a publisher's connection closed; only its own broadcast loses it by that."""
    broadcast = Broadcast.objects.filter(session=session, state__in=Broadcast.OPEN).select_related("channel").first()
    return broadcast is not None and lose(broadcast, "stopped", now)


def lose(broadcast: Broadcast, reason: str, now: dt.datetime) -> bool:
    """This session's publisher has gone, or nothing of it can be shown: what was live waits for the next, if its channel
    wants that. False when it was lost before."""
    session: dict[str, Any] = {"epoch": broadcast.epoch, "connected_at__isnull": False}
    if end(broadcast.pk, reason, now, [Broadcast.State.PUBLISHING], session):
        return True
    if not broadcast.channel.reconnect_s:
        return end(broadcast.pk, reason, now, Broadcast.ON_AIR, session)
    waiting = _lost(broadcast.channel, reason, _silent_since(broadcast, now)) | {"connected_at": None, "missing_since": None}
    with transaction.atomic():
        if _change(broadcast.pk, [Broadcast.State.LIVE], session, **waiting):
            lost.send_robust(Broadcast, broadcast_id=broadcast.pk)
        elif not _change(broadcast.pk, [Broadcast.State.RECONNECTING], session, **waiting):
            return False
    if reason not in LEFT:
        drop_publisher(broadcast.ingest_name)
        refuse(broadcast.channel_id, reason, broadcast.addr, now)
    try:
        announcements.wait(broadcast, now)
    except RedisError as error:  # the reconciler tells it
        with logged.logged(broadcast=broadcast.pk):
            log.warning("the page of broadcast %s is told later: %s", broadcast.pk, type(error).__name__)
    return True


def _silent_since(broadcast: Broadcast, now: dt.datetime) -> dt.datetime:
    try:
        return silence.since(broadcast, now)
    except RedisError as error:
        with logged.logged(broadcast=broadcast.pk):
            log.warning("when the picture of broadcast %s stopped is not known: %s", broadcast.pk, type(error).__name__)
        return now


def _lost(channel: Channel, reason: str, now: dt.datetime) -> dict[str, Any]:
    """It is waited for from the last picture on: sessions without one do not prolong that."""
    return {
        "state": Broadcast.State.RECONNECTING,
        "end_reason": "stopped" if reason == "stopped" else "lost",  # if nobody comes
        "lost_at": Coalesce("lost_at", now),
        "reconnect_until": Coalesce("reconnect_until", now + dt.timedelta(seconds=channel.reconnect_s)),
    }


# --- resume ---------------------------------------------------------------------------------------------------------------


def resume(broadcast: Broadcast, session: dict[str, Any], now: dt.datetime) -> bool:
    """The same broadcast with another session. The caller holds the channel, and nobody else changes sessions. False when it
    ended at this moment."""
    session = session | {"epoch": F("epoch") + 1, "missing_since": None}
    return _change(broadcast.pk, [Broadcast.State.PUBLISHING], {}, **session) or _change(
        broadcast.pk, Broadcast.ON_AIR, {}, **session, **_lost(broadcast.channel, "lost", now)
    )


# --- end ------------------------------------------------------------------------------------------------------------------


def end(
    broadcast_id: str, reason: str, now: dt.datetime, before: Any = Broadcast.OPEN, only: dict[str, Any] | None = None
) -> bool:
    """Close the playlists, free the channel, drop the publisher if it is still there. False when it had ended before, or is
    not in one of the states `before`, or is not `only` what it is said to be."""
    state = Broadcast.State.ENDED
    if reason in REFUSED:
        state = Broadcast.State.REFUSED
    elif reason in FAILED:
        state = Broadcast.State.FAILED
    with transaction.atomic():
        if not _change(broadcast_id, before, only or {}, state=state, ended_at=now, end_reason=reason):
            return False
        deferred.record(broadcast_id)
        ended.send_robust(Broadcast, broadcast_id=broadcast_id)
    broadcast = Broadcast.objects.select_related("channel").get(pk=broadcast_id)
    try:
        announcements.close(broadcast)
    except RedisError as error:  # the deferred job does it
        with logged.logged(broadcast=broadcast_id):
            log.warning("broadcast %s is closed later: %s", broadcast_id, type(error).__name__)
    if broadcast.connected_at and reason not in LEFT:
        drop_publisher(broadcast.ingest_name)
    return True


def cut(broadcast: Broadcast, now: dt.datetime) -> bool:
    """An administrator ends a broadcast; its key is refused for a while. False when it had ended before."""
    if not end(broadcast.pk, "admin", now):
        return False
    hold(broadcast, "cut_key", now)
    return True


def stop(broadcast: Broadcast, now: dt.datetime) -> bool:
    """Its streamer ends a broadcast here; the encoder is kept from beginning another at once. False when it was over."""
    hold(broadcast, "held_key", now)
    return end(broadcast.pk, "streamer", now)


def retitle(channel: Channel) -> None:
    """What is on follows what its channel says of itself."""
    Broadcast.objects.filter(channel=channel, state__in=Broadcast.OPEN).update(
        title=channel.title, category_id=channel.category_id
    )


def drop_publisher(ingest_name: str) -> None:
    """If the RTMP server does not answer now, the reconciler finds the publisher later."""

    async def drop() -> None:
        async with rtmp.client() as client:
            await rtmp.drop_publisher(client, ingest_name)

    try:
        async_to_sync(drop)()
    except rtmp.Unreachable as error:
        log.warning("%s", error)


# --------------------------------------------------------------------------------------------------------------------------


def _change(broadcast_id: str, before: Any, only: dict[str, Any], **after: Any) -> bool:
    return Broadcast.objects.filter(pk=broadcast_id, state__in=before, **only).update(**after) == 1
