"""Why somebody may not publish: what the RTMP server is answered, the word that is left for the streamer, keys that are refused
for a while."""

from __future__ import annotations

import datetime as dt
import logging

from pymongo.errors import PyMongoError

from accounts.models import Channel
from streams import logged
from streams.documents import StreamKey, key_hash
from streams.ingest import PublishEvent
from streams.models import Broadcast, Refusal

log = logging.getLogger(__name__)

CUT_S = 60  # how long a key is refused after its broadcast was ended here: encoders reconnect by themselves
REFUSED_S = 15  # after a stream that cannot be shown
TOLD = {"already_live", "no_encoder", "no_memory", "suspended"}  # the streamer is told of an attempt


class PublishRefused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlreadyLive(PublishRefused):
    def __init__(self, broadcast: Broadcast) -> None:
        super().__init__("already_live")
        self.broadcast = broadcast


def refuse(channel_id: int, reason: str, addr: str | None, now: dt.datetime) -> None:
    """Leave word for the streamer."""
    Refusal.objects.update_or_create(channel_id=channel_id, defaults={"reason": reason, "addr": addr, "at": now})


def usable_key(event: PublishEvent, now: dt.datetime) -> StreamKey:
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


def hold(broadcast: Broadcast, reason: str, now: dt.datetime) -> None:
    """Refuse its key for a while."""
    until = now + dt.timedelta(seconds=CUT_S)
    try:
        StreamKey.objects(hash=broadcast.key_hash).update(set__refused_until=until, set__refused_for=reason)
    except PyMongoError as error:
        with logged.logged(broadcast=broadcast.pk):
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
