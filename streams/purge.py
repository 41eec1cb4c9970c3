"""Forgets keys that can no longer be used, where publishers came from, and pictures of nothing."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from mongoengine import Q

from accounts import pictures as files
from streams.documents import StreamKey
from streams.models import Broadcast, Refusal


def keys(now: dt.datetime) -> int:
    before = now - dt.timedelta(days=settings.KEYS_KEPT_DAYS)
    return int(StreamKey.objects(Q(revoked_at__lt=before) | Q(expires_at__lt=before)).delete())


def addresses(now: dt.datetime) -> None:
    before = now - dt.timedelta(days=settings.ADDRESSES_KEPT_DAYS)
    Broadcast.objects.filter(ended_at__lt=before, addr__isnull=False).update(addr=None)
    Refusal.objects.filter(at__lt=before, addr__isnull=False).update(addr=None)


def pictures(now: dt.datetime) -> None:
    files.drop_unnamed(Broadcast, "poster", now)
