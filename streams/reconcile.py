"""Compares what should be live with what is: ends broadcasts whose publisher is gone, replaces encoders that died."""

from __future__ import annotations

import datetime as dt
import logging

from streams import broadcasts, leases
from streams.models import Broadcast
from streams.rtmp import Stream

log = logging.getLogger(__name__)

MISSING_S = 5  # a publisher that is not seen for this long has gone
NO_PICTURE_S = 8  # sound alone, or video that no encoder understands
NO_MEDIA_S = 20  # longer than any sensible keyframe interval


def look(streams: dict[str, Stream], now: dt.datetime) -> None:
    for broadcast in Broadcast.objects.filter(state__in=Broadcast.OPEN).select_related("channel"):
        stream = streams.get(broadcast.ingest_name)
        _notice_publisher(broadcast, stream, now)
        reason = verdict(broadcast, stream, now)
        if reason:
            log.info("broadcast %s: %s", broadcast.id, reason)
            broadcasts.end(broadcast.id, reason, now)
    _replace_encoders(now)


def _notice_publisher(broadcast: Broadcast, stream: Stream | None, now: dt.datetime) -> None:
    if stream and stream.publisher:
        if broadcast.missing_since:
            Broadcast.objects.filter(pk=broadcast.pk).update(missing_since=None)
    elif broadcast.missing_since is None:
        Broadcast.objects.filter(pk=broadcast.pk).update(missing_since=now)


def verdict(broadcast: Broadcast, stream: Stream | None, now: dt.datetime) -> str | None:
    """Why this broadcast must end, if it must."""
    age_s = (now - broadcast.started_at).total_seconds()
    if not stream or not stream.publisher:
        missing_s = (now - broadcast.missing_since).total_seconds() if broadcast.missing_since else 0
        return "lost" if missing_s >= MISSING_S else None
    if broadcast.state != Broadcast.State.PUBLISHING or age_s < NO_PICTURE_S:
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
        if failures >= leases.GIVE_UP_FAILURES:
            log.error("%s of %s keeps failing", rendition, broadcast_id)
            continue
        log.warning("%s of %s has no encoder: a new one is called", rendition, broadcast_id)
        broadcasts.defer_encode(broadcast_id, rendition)
