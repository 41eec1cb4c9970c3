"""The use cases of a broadcast: open, go live, lose, resume, end. Every change of state is a compare-and-set here alone."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from dataclasses import replace
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.dispatch import Signal
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import JobDeferrer
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from accounts.models import Channel
from streams import advice, capacity, leases, rtmp, segment_cache
from streams.documents import StreamKey, StreamMetadata, key_hash
from streams.hls.timeline import PRELUDE_MS, PRELUDE_SEGMENTS
from streams.ingest import PublishEvent, is_older
from streams.ladder import PRIORITY, Profile, ladder
from streams.models import Broadcast, Refusal
from streams.moments import unix_ms
from streams.segment_cache import with_segments

log = logging.getLogger(__name__)

Measured = tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]

# Sent with `broadcast_id` within the transaction that makes it so. A receiver that fails is logged, and stops nobody's stream.
went_live = Signal()
lost = Signal()
came_back = Signal()
ended = Signal()

# Longest part; players keep three of them away from the live edge. Parts of 0.2 s would hold too few whole frames: at 24, 25
# and 30 fps they would be less than 85 % of what was promised (RFC 8216bis 4.4.4.9).
PART_MS = {Channel.Latency.ULTRA: 220, Channel.Latency.LOW: 350, Channel.Latency.STEADY: 1000}
CUT_S = 60  # how long a key is refused after its broadcast was ended here: encoders reconnect by themselves
REFUSED_S = 15  # after a stream that cannot be shown
RECORD_AFTER_S = 6  # by then the source has been measured
REFUSED = {"codec", "no_video", "no_media"}
FAILED = {"encoder_failed", "no_encoder"}
LEFT = {"stopped", "lost"}  # by itself
TOLD = {"already_live", "no_encoder", "suspended"}  # the streamer is told of an attempt


class PublishRefused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlreadyLive(PublishRefused):
    def __init__(self, broadcast: Broadcast) -> None:
        super().__init__("already_live")
        self.broadcast = broadcast


# --- open -----------------------------------------------------------------------------------------------------------------


def open(event: PublishEvent, now: dt.datetime, silent: str | None = None) -> Broadcast:
    """Check the key and begin a broadcast, or go on with the one that waits for its publisher, or whose publisher's session is
    the `silent` one: its encode jobs are deferred when this returns. Raises PublishRefused."""
    try:
        key = _usable_key(event, now)
        key.update(set__last_used_at=now)
        return _admit(key, event, now, silent)
    except (PyMongoError, DatabaseError, RedisError) as error:
        raise PublishRefused("unavailable") from error


def _usable_key(event: PublishEvent, now: dt.datetime) -> StreamKey:
    key = StreamKey.objects(hash=key_hash(event.key)).first()
    if key is None:
        raise PublishRefused("unknown_key")
    reason = _fault(key, now)
    if reason:
        refuse(key.channel_id, reason, event.addr, now)
        raise PublishRefused(reason)
    return key


def _fault(key: StreamKey, now: dt.datetime) -> str | None:
    if key.refused_until and key.refused_until > now:
        return key.refused_for or "cut_key"
    return {"revoked": "revoked_key", "expired": "expired_key"}.get(key.state(now))


def _admit(key: StreamKey, event: PublishEvent, now: dt.datetime, silent: str | None) -> Broadcast:
    try:
        with transaction.atomic():
            channel = _usable_channel(key.channel_id, now)
            begun = channel.broadcasts.order_by("-started_at")
            last = begun.filter(state__in=Broadcast.OPEN).first() or begun.first()
            if last and last.connected_at and last.is_open and last.session == event.session:
                return last  # asked twice
            if last and is_older(event.session, last.session):
                raise PublishRefused("stopped")  # it has gone meanwhile
            broadcast = _resume(last, key, event, now, silent) if last and last.is_open else _begin(channel, key, event, now)
            Refusal.objects.filter(channel=channel).delete()
            return broadcast
    except PublishRefused as refused:
        if refused.reason in TOLD:
            refuse(key.channel_id, refused.reason, event.addr, now)
        raise


def _begin(channel: Channel, key: StreamKey, event: PublishEvent, now: dt.datetime) -> Broadcast:
    profile = Profile(**key.profile) if key.profile else None
    broadcast = Broadcast.objects.create(
        channel=channel,
        title=channel.title,
        category_id=channel.category_id,
        part_ms=PART_MS[Channel.Latency(channel.latency)],
        ladder=_affordable(ladder(profile, settings.LARGEST_TRANSCODE)),
        profile=key.profile or None,
        started_at=now,
        **_session(key, event, now),
    )
    for rendition in broadcast.ladder:
        defer_encode(broadcast.id, rendition)
    _announce_opening(broadcast, now)
    return broadcast


def _session(key: StreamKey, event: PublishEvent, now: dt.datetime) -> dict[str, Any]:
    """A fresh name, so that nobody who is still there under the last one is in the way."""
    return {
        "session": event.session,
        "connected_at": now,
        "ingest_name": secrets.token_hex(12),
        "key_hash": key.hash,
        "addr": event.addr,
    }


def _resume(last: Broadcast, key: StreamKey, event: PublishEvent, now: dt.datetime, silent: str | None) -> Broadcast:
    """The same broadcast with another session. The caller holds the channel, and nobody else changes sessions."""
    if last.connected_at and last.session != silent:
        raise AlreadyLive(last)
    session = _session(key, event, now) | {"epoch": F("epoch") + 1, "missing_since": None}
    was_shown = not _change(last.pk, [Broadcast.State.PUBLISHING], {}, **session)
    if was_shown and not _change(last.pk, Broadcast.ON_AIR, {}, **session, **_lost(last.channel, "lost", now)):
        raise PublishRefused("stopped")  # it ended at this moment
    leases.revoke(last.pk)
    broadcast = Broadcast.objects.select_related("channel").get(pk=last.pk)
    for rendition in encoded(broadcast):
        defer_encode(broadcast.id, rendition)
    _announce_session(broadcast, now)
    return broadcast


def encoded(broadcast: Broadcast) -> list[str]:
    """The renditions that it does not do without."""
    without = leases.withdrawn(broadcast.pk)
    return [rendition for rendition in broadcast.ladder if rendition not in without]


def _usable_channel(channel_id: int, now: dt.datetime) -> Channel:
    """Locked: whoever suspends, bans or renames it waits, and then finds the broadcast, or is seen here."""
    channel = Channel.objects.select_for_update(no_key=True).filter(pk=channel_id).first()
    if channel is None or not channel.owner.is_active:
        raise PublishRefused("unknown_key")
    if channel.is_suspended(now):
        raise PublishRefused("suspended")
    return channel


def _affordable(wanted: list[str]) -> list[str]:
    renditions = capacity.cut(wanted)
    if not renditions:
        raise PublishRefused("no_encoder")
    if len(renditions) < len(wanted):
        log.warning("there is no encoder free for %s", ", ".join(wanted[len(renditions) :]))
    return renditions


def _announce_opening(broadcast: Broadcast, now: dt.datetime) -> None:
    async def announce(redis: Redis) -> None:
        await segment_cache.open_broadcast(redis, opening(broadcast))
        await segment_cache.show(redis, broadcast.channel.name, page(broadcast, now))

    with_segments(announce)


def _announce_session(broadcast: Broadcast, now: dt.datetime) -> None:
    async def announce(redis: Redis) -> None:
        await segment_cache.resume_broadcast(redis, broadcast.id, unix_ms(now))
        await segment_cache.show(redis, broadcast.channel.name, page(broadcast, now))

    with_segments(announce)


def opening(broadcast: Broadcast) -> segment_cache.Opening:
    return segment_cache.Opening(broadcast.id, unix_ms(broadcast.started_at), broadcast.part_ms, broadcast.ladder)


def reopening(broadcast: Broadcast) -> segment_cache.Opening:
    """For a Redis that was emptied: nobody waits for renditions that will not come."""
    return replace(opening(broadcast), expected=encoded(broadcast))


def refuse(channel_id: int, reason: str, addr: str | None, now: dt.datetime) -> None:
    """Leave word for the streamer."""
    Refusal.objects.update_or_create(channel_id=channel_id, defaults={"reason": reason, "addr": addr, "at": now})


def defer_encode(broadcast_id: str, rendition: str) -> None:
    """One waiting job per rendition: a second one is a no-op. Inside a transaction it is deferred with the commit."""
    lock, priority = f"{broadcast_id}:{rendition}", PRIORITY.get(rendition, 0)
    task = app.configure_task("encode", queue="encode", queueing_lock=lock, priority=priority)
    _defer_once(task, broadcast_id=broadcast_id, rendition=rendition)


def _defer_record(broadcast_id: str, after_s: int = 0) -> None:
    task = app.configure_task("record", queue="jobs", lock=f"record:{broadcast_id}", schedule_in={"seconds": after_s})
    task.defer(broadcast_id=broadcast_id)


def wake_reconciler() -> None:
    _defer_once(app.configure_task("reconcile", queue="jobs", queueing_lock="reconcile"))


def _defer_once(task: JobDeferrer, **arguments: Any) -> None:
    try:
        with transaction.atomic():
            task.defer(**arguments)
    except AlreadyEnqueued:
        return


def has_encoder(broadcast_id: str) -> bool:
    return bool(leases.live(broadcast_id))


# --- live -----------------------------------------------------------------------------------------------------------------


def go_live(broadcast_id: str, now: dt.datetime, epoch: int = 1) -> bool:
    """The first part of this session's picture is there."""
    only: dict[str, Any] = {"epoch": epoch, "connected_at__isnull": False}
    live = {"state": Broadcast.State.LIVE, "lost_at": None, "reconnect_until": None, "end_reason": ""}
    with transaction.atomic():
        is_first = _change(broadcast_id, [Broadcast.State.PUBLISHING], only, **live, live_at=now)
        if not is_first and not _change(broadcast_id, [Broadcast.State.RECONNECTING], only, **live):
            return False
        _defer_record(broadcast_id, after_s=RECORD_AFTER_S)
        (went_live if is_first else came_back).send_robust(Broadcast, broadcast_id=broadcast_id)
    show(Broadcast.objects.select_related("channel").get(pk=broadcast_id), now)
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
    waiting = _lost(broadcast.channel, reason, now) | {"connected_at": None, "missing_since": None}
    with transaction.atomic():
        if _change(broadcast.pk, [Broadcast.State.LIVE], session, **waiting):
            lost.send_robust(Broadcast, broadcast_id=broadcast.pk)
        elif not _change(broadcast.pk, [Broadcast.State.RECONNECTING], session, **waiting):
            return False
    if reason not in LEFT:
        drop_publisher(broadcast.ingest_name)
        refuse(broadcast.channel_id, reason, broadcast.addr, now)
    try:
        _keep_open(broadcast, now)
    except RedisError as error:  # the reconciler tells it
        log.warning("the page of broadcast %s is told later: %s", broadcast.pk, type(error).__name__)
    return True


def _lost(channel: Channel, reason: str, now: dt.datetime) -> dict[str, Any]:
    """It is waited for from the last picture on: sessions without one do not prolong that."""
    return {
        "state": Broadcast.State.RECONNECTING,
        "end_reason": "stopped" if reason == "stopped" else "lost",  # if nobody comes
        "lost_at": Coalesce("lost_at", now),
        "reconnect_until": Coalesce("reconnect_until", now + dt.timedelta(seconds=channel.reconnect_s)),
    }


def _keep_open(broadcast: Broadcast, now: dt.datetime) -> None:
    async def keep(redis: Redis) -> None:
        await segment_cache.keep_parts(redis, broadcast.id, broadcast.ladder, broadcast.channel.reconnect_s)
        await segment_cache.show(redis, broadcast.channel.name, page(broadcast, now))

    broadcast.refresh_from_db(fields=["state"])
    with_segments(keep)


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
        _defer_record(broadcast_id)
        ended.send_robust(Broadcast, broadcast_id=broadcast_id)
    broadcast = Broadcast.objects.select_related("channel").get(pk=broadcast_id)
    try:
        close(broadcast)
    except RedisError as error:
        log.warning("broadcast %s is closed later: %s", broadcast_id, type(error).__name__)  # by the deferred job
    if broadcast.connected_at and reason not in LEFT:
        drop_publisher(broadcast.ingest_name)
    return True


def close(broadcast: Broadcast) -> None:
    """End the playlists and tell the page; doing it again changes nothing."""
    assert broadcast.ended_at is not None
    with_segments(lambda redis: segment_cache.end_broadcast(redis, broadcast.id, broadcast.ladder))
    show(broadcast, broadcast.ended_at)


def cut(broadcast: Broadcast, now: dt.datetime) -> bool:
    """An administrator ends a broadcast; its key is refused for a while. False when it had ended before."""
    if not end(broadcast.pk, "admin", now):
        return False
    _refuse_key(broadcast, "cut_key", now)
    return True


def stop(broadcast: Broadcast, now: dt.datetime) -> bool:
    """Its streamer ends a broadcast here; the encoder is kept from beginning another at once. False when it was over."""
    _refuse_key(broadcast, "held_key", now)
    return end(broadcast.pk, "streamer", now)


def _refuse_key(broadcast: Broadcast, reason: str, now: dt.datetime) -> None:
    """For a while."""
    until = now + dt.timedelta(seconds=CUT_S)
    try:
        StreamKey.objects(hash=broadcast.key_hash).update(set__refused_until=until, set__refused_for=reason)
    except PyMongoError as error:
        log.warning("the key of broadcast %s is not refused: %s", broadcast.pk, type(error).__name__)


def held_until(broadcast: Broadcast, now: dt.datetime) -> dt.datetime | None:
    """Until when the key of a broadcast is refused that its streamer has just ended. Raises PyMongoError."""
    if broadcast.end_reason != "streamer" or not broadcast.ended_at or now - broadcast.ended_at > dt.timedelta(seconds=CUT_S):
        return None
    key = StreamKey.objects(hash=broadcast.key_hash).first()
    held = key and key.refused_for == "held_key" and key.refused_until and key.refused_until > now
    return key.refused_until if held else None


def release(channel: Channel) -> None:
    """Keys that are refused because their streamer ended a broadcast work again. Raises PyMongoError."""
    for key in StreamKey.of_channel(channel.pk):
        if key.refused_for == "held_key":
            key.update(unset__refused_until=1, unset__refused_for=1)


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


# --- documents ------------------------------------------------------------------------------------------------------------


def record(broadcast_id: str) -> None:
    """Write what was measured to MongoDB, and remember it with the key."""
    broadcast = Broadcast.objects.select_related("channel").filter(pk=broadcast_id).first()
    if broadcast is None:  # its owner's account was deleted
        return
    if broadcast.ended_at:
        close(broadcast)

    async def read(redis: Redis) -> tuple[Measured, segment_cache.Master | None]:
        measured = await segment_cache.measured_lately(redis, broadcast_id, advice.SECONDS)
        return measured, await segment_cache.master(redis, broadcast_id)

    (figures, seconds), master = with_segments(read)
    source = figures.get("source", {})
    over = broadcast.over_at
    # what the last session sent is not yet known
    measured = {"set__ingest": source | {"audio": figures.get("audio")}} if figures else {}
    StreamMetadata.objects(id=broadcast_id).update_one(
        upsert=True,
        **measured,
        set__channel=broadcast.channel.name,
        set__started_at=broadcast.started_at,
        set__ended_at=broadcast.ended_at,
        set__duration_s=(over - broadcast.started_at).total_seconds() if over else None,
        set__end_reason=broadcast.end_reason,
        set__renditions={v.name: _facts(v) for v in (master.variants if master and master.variants else [])},
    )
    Broadcast.objects.filter(pk=broadcast_id).update(advice=advice.of(figures, seconds))
    if broadcast.ended_at and broadcast.end_reason in REFUSED:  # encoders reconnect by themselves, with the same fault
        until = broadcast.ended_at + dt.timedelta(seconds=REFUSED_S)
        StreamKey.objects(hash=broadcast.key_hash).update_one(set__refused_until=until, set__refused_for=broadcast.end_reason)
    if "width" in source:
        profile = {name: source[name] for name in Profile.__slots__}
        StreamKey.objects(hash=broadcast.key_hash).update_one(set__profile=profile)


def _facts(variant: Any) -> dict[str, Any]:
    return {name: getattr(variant, name) for name in variant.__slots__ if name != "name"}


# --- the page -------------------------------------------------------------------------------------------------------------


def page(broadcast: Broadcast, now: dt.datetime) -> dict[str, Any]:
    """What the channel's page shows; `n` rises with each change."""
    return {
        "n": unix_ms(now),
        "state": "starting" if broadcast.state == Broadcast.State.PUBLISHING else Broadcast.State(broadcast.state).value,
        "over": not broadcast.is_open,
        "id": broadcast.id,
        "first_part_s": PRELUDE_SEGMENTS * PRELUDE_MS / 1000,  # where a new playlist's first part lies
        "playlist": f"/hls/{broadcast.id}/master.m3u8",
        "started_at": broadcast.started_at.isoformat(),
    }


def show(broadcast: Broadcast, now: dt.datetime) -> None:
    with_segments(lambda redis: segment_cache.show(redis, broadcast.channel.name, page(broadcast, now)))


# --------------------------------------------------------------------------------------------------------------------------


def _change(broadcast_id: str, before: Any, only: dict[str, Any], **after: Any) -> bool:
    return Broadcast.objects.filter(pk=broadcast_id, state__in=before, **only).update(**after) == 1
