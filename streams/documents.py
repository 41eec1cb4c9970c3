"""What MongoDB holds, in its portable subset: hot access by `_id`, updates of one document by `$set`, `$inc`, `$max`."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

import mongoengine as me
from django.conf import settings

me.connect(
    host=settings.MONGODB_URI,
    alias="default",
    connect=False,
    tz_aware=True,
    uuidRepresentation="standard",
    connectTimeoutMS=1000,
    socketTimeoutMS=settings.STORE_TIMEOUT_S * 1000,
    serverSelectionTimeoutMS=settings.STORE_TIMEOUT_S * 1000,
)


def key_hash(key: str) -> str:
    """A plain hash is enough for 160 random bits (OWASP ASVS 6.5.2)."""
    return hashlib.sha256(key.encode()).hexdigest()


class StreamKey(me.Document):
    hash = me.StringField(primary_key=True)
    public_id = me.StringField(required=True)
    channel_id = me.IntField(required=True)
    label = me.StringField(default="", max_length=60)
    created_at = me.DateTimeField(required=True)
    expires_at = me.DateTimeField()
    revoked_at = me.DateTimeField()
    refused_until = me.DateTimeField()
    refused_for = me.StringField()  # a code of streams.reasons
    last_used_at = me.DateTimeField()
    # what its publisher last sent: the fields of streams.ladder.Profile
    profile = me.DictField()

    meta: ClassVar[dict[str, Any]] = {"collection": "stream_keys", "indexes": ["channel_id"], "auto_create_index": False}

    @classmethod
    def issue(
        cls, channel_id: int, now: dt.datetime, label: str = "", expires_at: dt.datetime | None = None
    ) -> tuple[StreamKey, str]:
        """Make a key and return it with its text, which is stored nowhere: show it now or never."""
        public_id = secrets.token_hex(4)
        text = f"live_{public_id}_{secrets.token_hex(20)}"
        key = cls(
            hash=key_hash(text), public_id=public_id, channel_id=channel_id, label=label, created_at=now, expires_at=expires_at
        ).save(force_insert=True)
        return key, text

    @classmethod
    def of_channel(cls, channel_id: int) -> list[StreamKey]:
        return list(cls.objects(channel_id=channel_id).order_by("-created_at"))

    def state(self, now: dt.datetime) -> str:
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= now:
            return "expired"
        return "active"

    def revoke(self, now: dt.datetime) -> None:
        self.update(set__revoked_at=now)


class Audience(me.Document):
    """One hour of one broadcast, by the minute."""

    id = me.StringField(primary_key=True)  # BROADCAST:HOUR, counted from its start
    # minute of the hour → figure → value: those of `streams.audience.figures`; `room`, the most people in the chat
    minutes = me.DictField()

    meta: ClassVar[dict[str, Any]] = {"collection": "audience", "auto_create_index": False}

    @classmethod
    def note(cls, broadcast_id: str, minute: int, **most: int) -> None:
        """MOST: figures of which the highest counts. MINUTE counts from the broadcast's start."""
        hour, within = divmod(minute, 60)
        highest = {f"minutes.{within}.{name}": value for name, value in most.items()}
        cls._get_collection().update_one({"_id": f"{broadcast_id}:{hour}"}, {"$max": highest}, upsert=True)

    @classmethod
    def keep(cls, broadcast_id: str, minutes: Mapping[int, Mapping[str, Any]]) -> None:
        """FIGURES of whole MINUTES, which count from the broadcast's start. Keeping them again changes nothing."""
        hours: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        for minute, figures in minutes.items():
            hour, within = divmod(minute, 60)
            hours[hour] |= {f"minutes.{within}.{name}": value for name, value in figures.items()}
        for hour, fields in hours.items():
            cls._get_collection().update_one({"_id": f"{broadcast_id}:{hour}"}, {"$set": fields}, upsert=True)

    @classmethod
    def of(cls, broadcast_id: str, hour: int) -> dict[int, dict[str, Any]]:
        found = cls.objects(id=f"{broadcast_id}:{hour}").first()
        return {int(minute): dict(figures) for minute, figures in found.minutes.items()} if found else {}


class StreamMetadata(me.Document):
    id = me.StringField(primary_key=True)  # the broadcast's
    channel = me.StringField(required=True)
    started_at = me.DateTimeField(required=True)
    ended_at = me.DateTimeField()
    duration_s = me.FloatField()
    end_reason = me.StringField()
    # as measured by the source job: codecs, size, fps, keyframe interval, bit rate
    ingest = me.DictField()
    # name → codecs, width, height, bandwidth
    renditions = me.DictField()

    meta: ClassVar[dict[str, Any]] = {"collection": "stream_metadata", "auto_create_index": False}
