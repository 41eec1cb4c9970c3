"""Reports of channels and their broadcasts, with what was to be seen then.

Raises Refused, with a sentence that says why.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from accounts.models import Channel, ModAction, User
from streams import claims, segment_cache
from streams.models import Broadcast, ChannelReport
from streams.moderation import Refused

log = logging.getLogger(__name__)

HOURLY = 10  # of one reporter

State = ChannelReport.State


def report(channel: Channel, by: User, reason: str, text: str, now: dt.datetime) -> ChannelReport:
    """One open report of somebody and a channel: a second one is refused."""
    if channel.owner_id == by.pk:
        raise Refused(_("This is your own channel."))
    if ChannelReport.objects.filter(reporter=by, at__gt=now - dt.timedelta(hours=1)).count() >= HOURLY:
        raise Refused(_("You have sent many reports within the last hour. Send the next one later."))
    broadcast = channel.broadcasts.filter(state__in=Broadcast.OPEN).first()
    evidence = {
        "channel_name": channel.name,
        "broadcast": broadcast,
        "title": (broadcast.title if broadcast else "") or channel.title,
        "description": channel.description,
        "picture": picture_of(broadcast) if broadcast else None,
    }
    try:
        with transaction.atomic():
            return ChannelReport.objects.create(channel=channel, reporter=by, reason=reason, text=text, at=now, **evidence)
    except IntegrityError as error:
        raise Refused(_("You have reported this channel already. The moderators will look at it.")) from error


def picture_of(broadcast: Broadcast) -> bytes | None:
    """What is to be seen at this moment."""
    try:
        return segment_cache.with_segments(lambda redis: segment_cache.thumbnail(redis, broadcast.pk))
    except RedisError as error:
        log.warning("a report goes without a picture: %s", type(error).__name__)
        return None


@transaction.atomic
def resolve(report: ChannelReport, outcome: str, note: str, by: User, now: dt.datetime) -> None:
    """By whoever has claimed it."""
    claims.change(report, by, state=outcome, note=note, handled_by=by, handled_at=now)
    claims.write(ModAction.Code.RESOLVE, report, by, now, reason=note, outcome=State(outcome).value)
