"""Messages that somebody has reported, with what was said before, for the site's moderators."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction

from accounts import modlog
from accounts.models import Channel, ModAction, User
from interactions import messages, restrictions, room_log
from interactions.enforcement import ask
from interactions.models import Message, Report
from interactions.protocol import Refused
from interactions.standing import Rank, channel_of, require, restricted
from streams.moments import unix_ms

CONTEXT = 10
LOOK_BACK = 60  # items of the log among which they are looked for
MOST_OPEN = 20  # of one reporter
TIMEOUT_S = 600

State = Report.State


def report(room: str, by: User, n: int, reason: str, now: dt.datetime) -> None:
    """Twice the same changes nothing. Raises Refused: not_found, rate, busy, or what keeps the reporter out of the site."""
    channel = channel_of(room)
    if out := restricted(by, None, now):
        raise Refused(out.code)
    if Report.objects.filter(reporter=by, state=State.OPEN).count() >= MOST_OPEN:
        raise Refused("rate")
    said = messages.find(channel, n, messages.epoch_of(channel))
    try:
        with transaction.atomic():
            Report.objects.create(
                channel=channel,
                epoch=said.epoch,
                n=n,
                user=said.author,
                author=said.name,
                text=said.text,
                said_at=said.at,
                context=_before(channel, said),
                reason=reason,
                reporter=by,
                at=now,
            )
    except IntegrityError:
        return


def _before(channel: Channel, said: messages.Said) -> list[dict[str, Any]]:
    """From the log, else from the archive; the oldest first."""
    entries = ask(lambda redis: room_log.since(redis, channel.name, max(0, said.n - LOOK_BACK)))
    items = [json.loads(entry.text) for entry in entries if entry.n < said.n]
    found = [{"name": i["by"]["name"], "text": i["text"], "at": i["at"]} for i in items if i["t"] == "msg"]
    if found:
        return found[-CONTEXT:]
    archived = Message.objects.filter(channel=channel, epoch=said.epoch, n__lt=said.n).select_related("user__channel")
    before = list(archived.order_by("-n")[:CONTEXT])
    return [{"name": m.user_name, "text": m.text, "at": unix_ms(m.at)} for m in reversed(before)]


def dismiss(by: User, report: Report, now: dt.datetime) -> None:
    """Nothing is wrong with the message."""
    require(by, None, now, Rank.STAFF)
    with transaction.atomic():
        close(by, report, State.DISMISSED, now)
        modlog.write(ModAction.Code.DISMISS, by, report.channel, now, user=report.user, text=report.text, report=report.pk)


def close(by: User, report: Report, state: Report.State, now: dt.datetime) -> None:
    """For everybody who has reported the same message."""
    same = Report.objects.filter(channel=report.channel, epoch=report.epoch, n=report.n, state=State.OPEN)
    if same.filter(claimed_by__isnull=False).exclude(claimed_by=by).exists() and not by.is_superuser:
        raise Refused("claimed")
    same.update(state=state, handled_by=by, handled_at=now)


# --- what may be done about one -------------------------------------------------------------------------------------------


def delete(by: User, report: Report, now: dt.datetime) -> None:
    messages.delete(by, report.channel, report.n, now, epoch=report.epoch)


def timeout(by: User, report: Report, now: dt.datetime) -> None:
    restrictions.timeout(by, report.channel, _author(report), TIMEOUT_S, now, _because(report))


def ban(by: User, report: Report, now: dt.datetime) -> None:
    restrictions.ban(by, report.channel, _author(report), now, _because(report))


def site_ban(by: User, report: Report, now: dt.datetime) -> None:
    restrictions.ban(by, None, _author(report), now, _because(report))


ACTS: dict[str, Callable[[User, Report, dt.datetime], None]] = {
    "delete": delete,
    "timeout": timeout,
    "ban": ban,
    "site_ban": site_ban,
}


@transaction.atomic
def act(by: User, report: Report, do: str, now: dt.datetime) -> None:
    """One of ACTS; the report is closed by it. Raises Refused."""
    require(by, None, now, Rank.STAFF)
    ACTS[do](by, report, now)
    close(by, report, State.ACTED, now)


def _author(report: Report) -> User:
    if report.user is None:
        raise Refused("not_found")
    return report.user


def _because(report: Report) -> str:
    return f"Report {report.pk}"
