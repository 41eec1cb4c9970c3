"""The queue of reports in the administration; that of messages looks the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin_kinds import Kept
from streams import claims, reports
from streams.models import ChannelReport
from streams.moderation import Refused


class ClaimFilter(admin.SimpleListFilter):
    title = gettext_lazy("claimed")
    parameter_name = "claimed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", gettext_lazy("by me")), ("nobody", gettext_lazy("by nobody"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "me":
            return queryset.filter(claimed_by=request.user)
        return queryset.filter(claimed_by=None) if self.value() == "nobody" else queryset


class Queue(Kept):
    """Reports: claimed, then resolved. `deeds` are the names of the buttons."""

    ordering = ("-state", "at")  # the open ones first, and of these the oldest

    def deeds(self) -> dict[str, Callable[[Any, HttpRequest], str]]:
        """Button → what is done to the report; it returns what is said then, or raises Refused."""
        return {"claim": self._claim, "release": self._release}

    def _claim(self, report: Any, request: HttpRequest) -> str:
        claims.claim(report, request.user, timezone.now())  # type: ignore[arg-type]
        return _("It is yours now.")

    def _release(self, report: Any, request: HttpRequest) -> str:
        claims.release(report, request.user, timezone.now())  # type: ignore[arg-type]
        return _("Anybody may claim it now.")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        deeds = self.deeds()
        do = next((name for name in deeds if f"_{name}" in request.POST), None)
        report = self.get_object(request, object_id) if do else None
        if do is None or report is None or not self.has_change_permission(request):
            return super().change_view(request, object_id, *args, **kwargs)
        try:
            self.message_user(request, deeds[do](report, request), messages.SUCCESS)
        except Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        return HttpResponseRedirect(request.path)

    @admin.display(description=gettext_lazy("claimed by"))
    def claim(self, report: Any) -> str:
        if report.claimed_at is None:
            return "–"
        since = date_format(report.claimed_at, "SHORT_DATETIME_FORMAT")
        return _("%(name)s since %(since)s") % {"name": claims.name(report.claimed_by), "since": since}

    @admin.display(description=gettext_lazy("handled"))
    def handled(self, report: Any) -> str:
        if report.handled_at is None:
            return _("not yet")
        at = date_format(report.handled_at, "DATETIME_FORMAT")
        return _("by %(name)s, %(at)s") % {"name": claims.name(report.handled_by), "at": at}


class ResolveForm(forms.Form):
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[
            (ChannelReport.State.ACTED, gettext_lazy("Acted upon")),
            (ChannelReport.State.DISMISSED, gettext_lazy("Dismissed: nothing is wrong")),
        ],
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2}))


class ChannelReportAdmin(Queue):
    list_display = ("id", "reason", "channel_name", "title", "state", "claim", "at")
    list_display_links = ("id", "reason")
    list_select_related = ("claimed_by__channel",)
    list_filter = ("state", ClaimFilter, "reason")
    search_fields = ("channel_name", "title", "text", "note")
    fieldsets = (
        (None, {"fields": ("reason", "text", "reported_by", "at")}),
        (gettext_lazy("What was to be seen then"), {"fields": ("channel_then", "seen", "title", "description", "broadcast")}),
        (gettext_lazy("What became of it"), {"fields": ("state", "claim", "handled", "note")}),
    )
    readonly_fields = ("reported_by", "channel_then", "seen", "claim", "handled")

    def get_urls(self) -> list[URLPattern]:
        picture = path("<int:pk>/picture.jpg", self.admin_site.admin_view(self.picture), name="streams_channelreport_picture")
        return [picture, *super().get_urls()]

    def picture(self, request: HttpRequest, pk: int) -> HttpResponse:
        report = ChannelReport.objects.filter(pk=pk).first()
        if report is None or not report.picture or not self.has_view_permission(request, report):
            raise Http404
        headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
        return HttpResponse(bytes(report.picture), content_type="image/jpeg", headers=headers)

    def deeds(self) -> dict[str, Callable[[Any, HttpRequest], str]]:
        return super().deeds() | {"resolve": self._resolve}

    def _resolve(self, report: ChannelReport, request: HttpRequest) -> str:
        form = ResolveForm(request.POST)
        if not form.is_valid():
            raise Refused(_("Choose an outcome, and write at most 300 characters."))
        by: Any = request.user
        reports.resolve(report, form.cleaned_data["outcome"], form.cleaned_data["note"], by, timezone.now())
        return _("Resolved.")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super().render_change_form(request, context | {"resolve_form": ResolveForm()}, *args, **kwargs)

    @admin.display(description=gettext_lazy("reported by"))
    def reported_by(self, report: ChannelReport) -> str:
        return claims.name(report.reporter)

    @admin.display(description=gettext_lazy("channel"))
    def channel_then(self, report: ChannelReport) -> SafeString | str:
        if report.channel is None:
            return _("%(name)s, which is gone") % {"name": report.channel_name}
        now = "" if report.channel.name == report.channel_name else f" → {report.channel.name}"
        return format_html('<a href="{}">{}</a>{}', report.channel.get_absolute_url(), report.channel_name, now)

    @admin.display(description=gettext_lazy("picture"))
    def seen(self, report: ChannelReport) -> SafeString | str:
        if not report.picture:
            return _("none: nothing was live, or no picture had been taken yet")
        return format_html('<img class="evidence" src="../picture.jpg" alt="{}">', _("The picture at that time"))
