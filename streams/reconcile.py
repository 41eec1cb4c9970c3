"""Compares what should be live with what is: notices publishers that are gone, ends what has waited for one for long enough,
replaces encoders that died."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any, NamedTuple

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import announcements, broadcasts, deferred, leases, load, logged, segment_cache
from streams.models import Broadcast
from streams.moments import moment
from streams.rtmp import Stream

log = logging.getLogger(__name__)

MISSING_S = 5  # a publisher that is not seen for this long has gone
NO_PICTURE_S = 7  # sound alone, or video that no encoder understands
NO_MEDIA_S = 16  # longer than any sensible keyframe interval; with the hook and the next look, 20 at most


class Shown(NamedTuple):
    """What Redis holds of a broadcast."""

    page: dict[str, Any] | None = None
    pictured_at: dt.datetime | None = None


class Sight:
    """While Redis is away no picture can be seen, so that none is missed."""

    blind_at: dt.datetime | None = None  # at the last look of that kind

    def since(self, pictured_at: dt.datetime | None) -> dt.datetime | None:
        return max(pictured_at, self.blind_at) if pictured_at and self.blind_at else pictured_at


sight = Sight()


def look(streams: dict[str, Stream] | None, now: dt.datetime) -> None:
    """`streams` is None where the RTMP server does not say what is published."""
    live = list(Broadcast.objects.filter(state__in=Broadcast.OPEN).select_related("channel"))
    shown = _shown(live, now)
    if streams is not None:
        _notice_publishers(live, streams, now)
    for broadcast in live:
        with logged.logged(broadcast=broadcast.id):
            _look_at(broadcast, streams, shown[broadcast.id], now)
    _drop_strays(streams or {}, {broadcast.ingest_name for broadcast in live if broadcast.connected_at})
    _replace_encoders(now)
    if settings.LOAD_SHEDDING:
        load.balance(live, now)


def _look_at(broadcast: Broadcast, streams: dict[str, Stream] | None, shown: Shown, now: dt.datetime) -> None:
    pictured_at = sight.since(shown.pictured_at)
    if streams is None:
        reason = verdict_unseen(broadcast, now, pictured_at)
    else:
        reason = verdict(broadcast, streams.get(broadcast.ingest_name), now, pictured_at)
    if reason:
        log.info("broadcast %s: %s", broadcast.id, reason)
        _carry_out(broadcast, reason, now)
    else:
        _correct_page(broadcast, shown.page, now)


def _shown(live: list[Broadcast], now: dt.datetime) -> dict[str, Shown]:
    async def read(redis: Redis) -> list[tuple[dict[str, Any] | None, int | None]]:
        return await segment_cache.looks(redis, [(broadcast.id, broadcast.channel.name) for broadcast in live])

    try:
        found = segment_cache.with_segments(read)
    except RedisError as error:
        log.warning("segments Redis: %s", type(error).__name__)
        sight.blind_at = now
        return {broadcast.id: Shown(announcements.page(broadcast, broadcast.started_at)) for broadcast in live}
    return {
        broadcast.id: Shown(page, None if pictured_ms is None else moment(pictured_ms))
        for broadcast, (page, pictured_ms) in zip(live, found, strict=True)
    }


def _correct_page(broadcast: Broadcast, page: dict[str, Any] | None, now: dt.datetime) -> None:
    """Redis may have been emptied, or away when the state changed."""
    wanted = announcements.page(broadcast, now)
    if page is None or (page["id"], page["state"]) != (wanted["id"], wanted["state"]):
        announcements.show(broadcast, now)


def _drop_strays(streams: dict[str, Stream], names: set[str]) -> None:
    """Publishers whose broadcast has ended while the RTMP server could not be told."""
    for name, stream in streams.items():
        if stream.publisher and name not in names:
            broadcasts.drop_publisher(name)


def _carry_out(broadcast: Broadcast, reason: str, now: dt.datetime) -> None:
    if broadcast.is_waiting:
        broadcasts.end(broadcast.pk, reason, now, only={"epoch": broadcast.epoch})
    else:
        broadcasts.lose(broadcast, reason, now)


def _notice_publishers(live: list[Broadcast], streams: dict[str, Stream], now: dt.datetime) -> None:
    """Where the RTMP server has just been started anew, all are gone at once."""
    connected = [broadcast for broadcast in live if not broadcast.is_waiting]
    came = [broadcast.pk for broadcast in connected if broadcast.missing_since and _publishes(broadcast, streams)]
    left = [broadcast.pk for broadcast in connected if not (broadcast.missing_since or _publishes(broadcast, streams))]
    for found, since in ((came, None), (left, now)):
        if found:
            Broadcast.objects.filter(pk__in=found).update(missing_since=since)


def _publishes(broadcast: Broadcast, streams: dict[str, Stream]) -> bool:
    stream = streams.get(broadcast.ingest_name)
    return stream is not None and stream.publisher is not None


def verdict_unseen(broadcast: Broadcast, now: dt.datetime, pictured_at: dt.datetime | None) -> str | None:
    """While the RTMP server does not say who publishes, pictures tell."""
    if broadcast.connected_at is None:
        return _verdict_waiting(broadcast, now)
    is_shown = broadcast.state == Broadcast.State.LIVE
    since = pictured_at if is_shown else broadcast.connected_at
    return "lost" if since and (now - since).total_seconds() >= NO_MEDIA_S else None


def _verdict_waiting(broadcast: Broadcast, now: dt.datetime) -> str | None:
    is_over = broadcast.reconnect_until is None or broadcast.reconnect_until <= now
    return broadcast.end_reason or "lost" if is_over else None


def verdict(
    broadcast: Broadcast, stream: Stream | None, now: dt.datetime, pictured_at: dt.datetime | None = None
) -> str | None:
    """Why this broadcast must do without its publisher, or end, if it must; `pictured_at` is when its last picture came."""
    if broadcast.connected_at is None:
        return _verdict_waiting(broadcast, now)
    age_s = (now - broadcast.connected_at).total_seconds()
    if not stream or not stream.publisher:
        missing_s = (now - broadcast.missing_since).total_seconds() if broadcast.missing_since else 0
        return "lost" if missing_s >= MISSING_S else None
    if broadcast.state == Broadcast.State.LIVE:
        return "no_media" if pictured_at and (now - pictured_at).total_seconds() >= NO_MEDIA_S else None
    if age_s < NO_PICTURE_S:
        return None
    if stream.video and stream.video != "H264":
        return "codec"
    if stream.audio and not stream.video:
        return "no_video"
    if age_s < NO_MEDIA_S:  # encoders that came late wait for the next keyframe
        return None
    return "encoder_failed" if stream.video else "no_media"


def _replace_encoders(now: dt.datetime) -> None:
    for broadcast_id, rendition, failures in leases.overdue():
        with logged.logged(broadcast=broadcast_id, rendition=rendition):
            if failures >= leases.GIVE_UP_FAILURES:
                load.give_up(broadcast_id, rendition, now)
                continue
            log.warning("%s of %s has no encoder: a new one is called", rendition, broadcast_id)
            deferred.encode(broadcast_id, rendition)
