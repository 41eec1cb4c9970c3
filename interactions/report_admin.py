"""Reports of messages, in the administration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from interactions import reports
from interactions.admin_columns import person, room, when
from interactions.admin_filters import ChannelFilter
from interactions.models import Report, Restriction
from interactions.protocol import Refused
from interactions.standing import name_of
from interactions.words import words
from streams.moderation import Refused as SiteRefused
from streams.moments import moment
from streams.report_admin import ClaimFilter, Queue

DONE = {
    "dismiss": _("Dismissed the report on %(name)s."),
    "delete": _("Deleted the message of %(name)s."),
    "timeout": _("Timed %(name)s out for 10 minutes."),
    "ban": _("Banned %(name)s from the room."),
    "site_ban": _("Banned %(name)s from all chats."),
}


@admin.register(Report)
class ReportAdmin(Queue):
    list_display = ("message", "state", "author", "channel", "reason", "claim", when)
    list_select_related = ("channel", "claimed_by__channel")
    list_filter = ("state", ClaimFilter, ChannelFilter)
    search_fields = ("author", "channel__name", "text", "reason")
    actions = ("dismiss", "delete_messages")
    fieldsets = (
        (None, {"fields": ("said", "reason", "reported_by", "at")}),
        (_("The author"), {"fields": ("written_by", "restricted")}),
        (_("What became of it"), {"fields": ("state", "claim", "handled")}),
    )
    readonly_fields = ("said", "reported_by", "written_by", "restricted", "claim", "handled")

    @admin.display(description=_("message"))
    def message(self, report: Report) -> str:
        return Truncator(report.text).chars(80)

    @admin.display(description=_("message, and what was said before"))
    def said(self, report: Report) -> SafeString:
        before = format_html_join(
            "", "<div>{} <b>{}</b>: {}</div>", [(_clock(s["at"]), s["name"], s["text"]) for s in report.context]
        )
        at = date_format(report.said_at.astimezone(dt.UTC), "H:i:s")
        said = format_html(
            '<div class="reported">{} <b>{}</b>: {}</div>',
            *(at, report.author, report.text),
        )
        return format_html('<div class="said">{}{}</div>', before, said)

    @admin.display(description=_("reported by"))
    def reported_by(self, report: Report) -> str:
        return person(report.reporter)

    @admin.display(description=_("account"))
    def written_by(self, report: Report) -> str:
        return f"{name_of(report.user)}, {report.user.email}" if report.user else gettext("gone")

    @admin.display(description=_("restrictions in force"))
    def restricted(self, report: Report) -> str:
        found = Restriction.objects.filter(Restriction.in_force(timezone.now()), user=report.user).select_related("channel")
        each = gettext("%(kind)s in %(room)s")
        return ", ".join(each % {"kind": one.get_kind_display(), "room": room(one)} for one in found) or gettext("none")

    def deeds(self) -> dict[str, Callable[[Any, HttpRequest], str]]:
        acts = {name: partial(self._act, name) for name in ("dismiss", *reports.ACTS)}
        return super().deeds() | acts

    def _act(self, do: str, report: Report, request: HttpRequest) -> str:
        now, by = timezone.now(), request.user
        try:
            if do == "dismiss":
                reports.dismiss(by, report, now)  # type: ignore[arg-type]
            else:
                reports.act(by, report, do, now)  # type: ignore[arg-type]
        except Refused as refused:
            raise SiteRefused(words(refused)) from refused
        return DONE[do] % {"name": report.author}

    def _do(self, request: HttpRequest, report: Report, do: str) -> None:
        try:
            self.message_user(request, self._act(do, report, request), messages.SUCCESS)
        except SiteRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)

    @admin.action(description=_("Dismiss the reports"), permissions=["change"])
    def dismiss(self, request: HttpRequest, chosen: QuerySet[Report]) -> None:
        for report in chosen:
            self._do(request, report, "dismiss")

    @admin.action(description=_("Delete the messages"), permissions=["change"])
    def delete_messages(self, request: HttpRequest, chosen: QuerySet[Report]) -> None:
        for report in chosen:
            self._do(request, report, "delete")


def _clock(ms: int) -> str:
    return moment(ms).strftime("%H:%M:%S")
