"""Who of the moderators looks after a report: the first of two gets it, and the other is told.

For reports of channels and of messages alike. Raises Refused, with a sentence that says why.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts import modlog
from accounts.models import ModAction, User
from streams.moderation import Refused

OPEN = "open"

Code = ModAction.Code


@transaction.atomic
def claim(report: Any, by: User, now: dt.datetime) -> None:
    change(report, None, claimed_by=by, claimed_at=now)
    write(Code.CLAIM, report, by, now)


@transaction.atomic
def release(report: Any, by: User, now: dt.datetime) -> None:
    """What one has claimed oneself; superusers release what others sleep on."""
    holder = report.claimed_by if by.is_superuser else by
    if holder is None:
        raise Refused(_("Nobody has claimed it."))
    change(report, holder, claimed_by=None, claimed_at=None)
    write(Code.RELEASE, report, by, now)


def change(report: Any, holder: User | None, **after: Any) -> None:
    """A compare-and-set on its state and on who has claimed it."""
    model: type[models.Model] = type(report)
    if not model._default_manager.filter(pk=report.pk, state=OPEN, claimed_by=holder).update(**after):
        raise Refused(obstacle(report))
    report.refresh_from_db()


def obstacle(report: Any) -> str:
    model: type[models.Model] = type(report)
    found: Any = model._default_manager.select_related("claimed_by__channel", "handled_by__channel").get(pk=report.pk)
    if found.state != OPEN:
        return _("It was resolved before, by %(name)s.") % {"name": name(found.handled_by)}
    if found.claimed_by is None:
        return _("Claim it first.")
    return _("%(name)s has claimed it.") % {"name": name(found.claimed_by)}


def name(user: User | None) -> str:
    return user.called if user else _("an account that is gone")


def write(code: ModAction.Code, report: Any, by: User, now: dt.datetime, reason: str = "", **detail: Any) -> None:
    owner = report.channel.owner if report.channel else None
    kind = report._meta.model_name
    modlog.write(code, by, report.channel, now, user=owner, reason=reason, report=report.pk, kind=kind, **detail)
