"""Forgets what was decided long ago, and restrictions that are over. The log of moderation stays."""

from __future__ import annotations

import datetime as dt

from django.conf import settings

from interactions.models import HeldMessage, Report, Restriction


def decided(now: dt.datetime) -> None:
    before = now - dt.timedelta(days=settings.CASES_KEPT_DAYS)
    Report.objects.exclude(state=Report.State.OPEN).filter(handled_at__lt=before).delete()
    HeldMessage.objects.exclude(state=HeldMessage.State.WAITING).filter(at__lt=before).delete()
    Restriction.objects.filter(until__lt=now).delete()
