"""The use cases of a broadcast: open, go live, end. Every change of state is a compare-and-set here, and nowhere else."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import IntegrityError, transaction
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
from streams.ingest import PublishEvent
from streams.ladder import PRIORITY, Profile, ladder
from streams.models import Broadcast, Refusal
from streams.segment_cache import with_segments

log = logging.getLogger(__name__)

Measured = tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]

# Sent with `broadcast_id` within the transaction that makes it so. A receiver that fails is logged, and stops nobody's stream.
went_live = Signal()
ended = Signal()

# Longest part; players keep three of them away from the live edge. Parts of 0.2 s would hold too few whole frames: at 24, 25
# and 30 fps they would be less than 85 % of what was promised (RFC 8216bis 4.4.4.9).
PART_MS = {Channel.Latency.ULTRA: 220, Channel.Latency.LOW: 350, Channel.Latency.STEADY: 1000}
CUT_S = 60  # how long a key is refused after its broadcast was ended here: encoders reconnect by themselves
REFUSED_S = 15  # after a stream that cannot be shown
RECORD_AFTER_S = 6  # by then the source has been measured
REFUSED = {"codec", "no_video", "no_media"}
FAILED = {"encoder_failed", "no_encoder"}


class PublishRefused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- open -----------------------------------------------------------------------------------------------------------------


def open(event: PublishEvent, now: dt.datetime) -> Broadcast:
    """Check the key and begin a broadcast: its encode jobs are deferred when this returns. Raises PublishRefused."""
    try:
        key = _usable_key(event, now)
        key.update(set__last_used_at=now)
        return _begin(key, event, now)
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


def _begin(key: StreamKey, event: PublishEvent, now: dt.datetime) -> Broadcast:
    profile = Profile(**key.profile) if key.profile else None
    try:
        with transaction.atomic():
            channel = _usable_channel(key.channel_id, now)
            renditions = _affordable(ladder(profile, settings.LARGEST_TRANSCODE))
            broadcast = Broadcast.objects.create(
                channel=channel,
                title=channel.title,
                category_id=channel.category_id,
                session=event.session,
                ingest_name=secrets.token_hex(12),
                key_hash=key.hash,
                addr=event.addr,
                part_ms=PART_MS[Channel.Latency(channel.latency)],
                ladder=renditions,
                profile=key.profile or None,
                started_at=now,
            )
            for rendition in broadcast.ladder:
                defer_encode(broadcast.id, rendition)
            Refusal.objects.filter(channel=channel).delete()
            _announce_opening(broadcast, now)
    except IntegrityError as error:
        refuse(key.channel_id, "already_live", event.addr, now)
        raise PublishRefused("already_live") from error
    except PublishRefused as refused:
        if refused.reason in ("suspended", "no_encoder"):
            refuse(key.channel_id, refused.reason, event.addr, now)
        raise
    return broadcast


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


def opening(broadcast: Broadcast) -> segment_cache.Opening:
    return segment_cache.Opening(broadcast.id, _ms(broadcast.started_at), broadcast.part_ms, broadcast.ladder)


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


def go_live(broadcast_id: str, now: dt.datetime) -> bool:
    """The first part of a picture is there."""
    with transaction.atomic():
        changed = _change(broadcast_id, [Broadcast.State.PUBLISHING], state=Broadcast.State.LIVE, live_at=now)
        if changed:
            _defer_record(broadcast_id, after_s=RECORD_AFTER_S)
            went_live.send_robust(Broadcast, broadcast_id=broadcast_id)
    if changed:
        show(Broadcast.objects.select_related("channel").get(pk=broadcast_id), now)
    return changed


# --- end ------------------------------------------------------------------------------------------------------------------


def end(broadcast_id: str, reason: str, now: dt.datetime) -> bool:
    """Close the playlists, free the channel, drop the publisher if it is still there. False when it had ended before."""
    state = Broadcast.State.ENDED
    if reason in REFUSED:
        state = Broadcast.State.REFUSED
    elif reason in FAILED:
        state = Broadcast.State.FAILED
    with transaction.atomic():
        if not _change(broadcast_id, Broadcast.OPEN, state=state, ended_at=now, end_reason=reason):
            return False
        _defer_record(broadcast_id)
        ended.send_robust(Broadcast, broadcast_id=broadcast_id)
    broadcast = Broadcast.objects.select_related("channel").get(pk=broadcast_id)
    try:
        close(broadcast)
    except RedisError as error:
        log.warning("broadcast %s is closed later: %s", broadcast_id, type(error).__name__)  # by the deferred job
    if reason not in ("stopped", "lost"):
        drop_publisher(broadcast.ingest_name)
    return True


def close(broadcast: Broadcast) -> None:
    """End the playlists and tell the page; doing it again changes nothing."""
    assert broadcast.ended_at is not None
    with_segments(lambda redis: segment_cache.end_broadcast(redis, broadcast.id, broadcast.ladder))
    show(broadcast, broadcast.ended_at)


def publisher_left(session: str, now: dt.datetime) -> bool:
    """The RTMP server says that a publisher's connection closed; only its own broadcast ends by that."""
    broadcast = Broadcast.objects.filter(session=session, state__in=Broadcast.OPEN).first()
    return broadcast is not None and end(broadcast.pk, "stopped", now)


def cut(broadcast: Broadcast, now: dt.datetime) -> bool:
    """An administrator ends a broadcast; its key is refused for a while. False when it had ended before."""
    if not end(broadcast.pk, "admin", now):
        return False
    until = now + dt.timedelta(seconds=CUT_S)
    try:
        StreamKey.objects(hash=broadcast.key_hash).update(set__refused_until=until, set__refused_for="cut_key")
    except PyMongoError as error:
        log.warning("the key of broadcast %s is not refused: %s", broadcast.pk, type(error).__name__)
    return True


def stop(broadcast: Broadcast, now: dt.datetime) -> bool:
    """Its streamer ends a broadcast here; the encoder is kept from beginning another at once. False when it was over."""
    until = now + dt.timedelta(seconds=CUT_S)
    try:
        StreamKey.objects(hash=broadcast.key_hash).update(set__refused_until=until, set__refused_for="held_key")
    except PyMongoError as error:
        log.warning("the key of broadcast %s is not refused: %s", broadcast.pk, type(error).__name__)
    return end(broadcast.pk, "streamer", now)


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
    ended = broadcast.ended_at
    StreamMetadata.objects(id=broadcast_id).update_one(
        upsert=True,
        set__channel=broadcast.channel.name,
        set__started_at=broadcast.started_at,
        set__ended_at=ended,
        set__duration_s=(ended - broadcast.started_at).total_seconds() if ended else None,
        set__end_reason=broadcast.end_reason,
        set__ingest=source | {"audio": figures.get("audio")},
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
        "n": _ms(now),
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


def _change(broadcast_id: str, before: Any, **after: Any) -> bool:
    return Broadcast.objects.filter(pk=broadcast_id, state__in=before).update(**after) == 1


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)
