"""Tells followers by e-mail that a channel is live: each once, and none so soon after the last."""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from accounts import mailing
from accounts.models import Channel, Follow
from streams import broadcasts
from streams.models import Broadcast

log = logging.getLogger(__name__)

APART = dt.timedelta(minutes=10)  # two notices of one channel
BATCH = 50  # mails by one connection


@receiver(broadcasts.went_live)
def live(sender: type[Broadcast], broadcast_id: str, **kwargs: Any) -> None:
    _defer("tell_followers", broadcast_id)


@transaction.atomic
def _defer(task: str, broadcast_id: str) -> None:
    app.configure_task(task, queue="jobs", lock=f"{task}:{broadcast_id}").defer(broadcast_id=broadcast_id)


@transaction.atomic
def begin(broadcast_id: str, now: dt.datetime) -> bool:
    """Whoever moves the channel's time begins; the mails are deferred with it, or not at all."""
    due = Q(notified_at=None) | Q(notified_at__lte=now - APART)
    if not Channel.objects.filter(due, broadcasts=broadcast_id, broadcasts__state__in=Broadcast.OPEN).update(notified_at=now):
        return False
    _defer("mail_followers", broadcast_id)
    return True


def send(broadcast_id: str, now: dt.datetime) -> int:
    """The next batch; another job sends the one after it."""
    broadcast = Broadcast.objects.filter(pk=broadcast_id, state__in=Broadcast.OPEN).select_related("channel").first()
    batch = list(untold(broadcast.channel)[:BATCH]) if broadcast else []
    if broadcast is None or not batch:
        return 0
    with get_connection() as connection:  # one that cannot be opened raises before anybody is marked
        sent = sum(_tell(follow, broadcast, connection, now) for follow in batch)
    _defer("mail_followers", broadcast_id)
    return sent


def untold(channel: Channel) -> Any:
    told = Q(mailed_at__gte=channel.notified_at)
    return mailing.wanted(channel).exclude(told & Q(mailed_at__isnull=False)).order_by("pk")


def _tell(follow: Follow, broadcast: Broadcast, connection: BaseEmailBackend, now: dt.datetime) -> bool:
    """Marked before it is sent: a crash between the two costs one mail, and sends none twice."""
    due = Q(mailed_at=None) | Q(mailed_at__lt=broadcast.channel.notified_at)
    if not Follow.objects.filter(due, pk=follow.pk, by_mail=True).update(mailed_at=now):
        return False
    try:
        with translation.override(follow.user.language or settings.LANGUAGE_CODE):
            return bool(connection.send_messages([mail(follow, broadcast)]))
    except smtplib.SMTPResponseException as error:
        log.warning("follow %s got no mail: %s", follow.pk, error.smtp_code)
    except smtplib.SMTPRecipientsRefused:
        log.warning("follow %s got no mail: the address is refused", follow.pk)
    return False


def mail(follow: Follow, broadcast: Broadcast) -> EmailMessage:
    channel = broadcast.channel
    off = mailing.off_url(follow)
    title = " ".join((broadcast.title or channel.title).split())
    context = {
        "channel": channel,
        "title": title,
        "url": settings.PUBLIC_URL + channel.get_absolute_url(),
        "off": off,
        "SITE_NAME": settings.SITE_NAME,
    }
    return EmailMessage(
        subject=_("{channel} is live: {title}").format(channel=channel.name, title=title)
        if title
        else _("{channel} is live").format(channel=channel.name),
        body=render_to_string("accounts/mails/live.txt", context),
        to=[follow.user.email],
        headers={"List-Unsubscribe": f"<{off}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
