"""Who may publish, and as what: a new broadcast, or the one that waits for its publisher."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from accounts.models import Channel
from streams import announcements, broadcasts, capacity, deferred, leases
from streams.documents import StreamKey
from streams.ingest import PublishEvent, is_older, is_same_start
from streams.ladder import Profile, ladder
from streams.models import Broadcast, Refusal
from streams.refusals import TOLD, AlreadyLive, PublishRefused, refuse, usable_key

log = logging.getLogger(__name__)

# Longest part; players keep three of them away from the live edge. Parts of 0.2 s would hold too few whole frames: at 24, 25
# and 30 fps they would be less than 85 % of what was promised (RFC 8216bis 4.4.4.9).
PART_MS = {Channel.Latency.ULTRA: 220, Channel.Latency.LOW: 350, Channel.Latency.STEADY: 1000}


def open(event: PublishEvent, now: dt.datetime, silent: str | None = None) -> Broadcast:
    """Check the key and begin a broadcast, or go on with the one that waits for its publisher, whose publisher's session is the
    `silent` one, or who came to another start of the RTMP server: its encode jobs are deferred when this returns. Raises
    PublishRefused."""
    try:
        key = usable_key(event, now)
        return _admit(key, event, now, silent)
    except (PyMongoError, DatabaseError, RedisError) as error:
        raise PublishRefused("unavailable") from error


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
            key.update(set__last_used_at=now)
            broadcast = _resume(last, key, event, now, silent) if last and last.is_open else _begin(channel, key, event, now)
            Refusal.objects.filter(channel=channel).delete()
            return broadcast
    except PublishRefused as refused:
        if refused.reason in TOLD:
            refuse(key.channel_id, refused.reason, event.addr, now)
        raise


def _usable_channel(channel_id: int, now: dt.datetime) -> Channel:
    """Locked: whoever suspends, bans or renames it waits, and then finds the broadcast, or is seen here."""
    channel = Channel.objects.select_for_update(no_key=True).filter(pk=channel_id).first()
    if channel is None or not channel.owner.is_active:
        raise PublishRefused("unknown_key")
    if channel.is_suspended(now):
        raise PublishRefused("suspended")
    return channel


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
    deferred.encode_all(broadcast.id, broadcast.ladder)
    announcements.open(broadcast, now)
    return broadcast


def _affordable(wanted: list[str]) -> list[str]:
    if not capacity.has_memory():
        raise PublishRefused("no_memory")
    renditions = capacity.cut(wanted)
    if not renditions:
        raise PublishRefused("no_encoder")
    if len(renditions) < len(wanted):
        log.warning("there is no encoder free for %s", ", ".join(wanted[len(renditions) :]))
    return renditions


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
    if last.connected_at and last.session != silent and is_same_start(last.session, event.session):
        raise AlreadyLive(last)
    if not broadcasts.resume(last, _session(key, event, now), now):
        raise PublishRefused("stopped")  # it ended at this moment
    leases.revoke(last.pk)
    broadcast = Broadcast.objects.select_related("channel").get(pk=last.pk)
    deferred.encode_all(broadcast.id, announcements.encoded(broadcast))
    announcements.resume(broadcast, now)
    return broadcast
