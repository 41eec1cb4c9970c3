"""Forgets what has expired."""

from __future__ import annotations

import datetime as dt

from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from accounts import pictures as files
from accounts.models import ApiToken, Channel

UNKNOWN = "::"  # a session's address may not be empty


def sessions(now: dt.datetime) -> int:
    """Those that have expired, and what is listed of those that are gone."""
    count, _ = Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(Exists(Session.objects.filter(session_key=OuterRef("session_key")))).delete()
    return count


def tokens(now: dt.datetime) -> None:
    ApiToken.objects.filter(expiry__lt=now).delete()


def addresses(now: dt.datetime) -> None:
    before = now - dt.timedelta(days=settings.ADDRESSES_KEPT_DAYS)
    UserSession.objects.filter(last_seen_at__lt=before).exclude(ip=UNKNOWN).update(ip=UNKNOWN, user_agent="")
    for attempts in (AccessAttempt, AccessFailureLog, AccessLog):
        attempts.objects.filter(attempt_time__lt=before).delete()


def pictures(now: dt.datetime) -> None:
    for field in ("avatar", "poster"):
        files.drop_unnamed(Channel, field, now)
