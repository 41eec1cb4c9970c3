from __future__ import annotations

import logging
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pymongo.errors import PyMongoError

from accounts import modlog
from accounts.admin_kinds import Kept
from accounts.forms import ChannelNameField, StreamForm
from accounts.models import Channel, ModAction
from streams import broadcast_facts
from streams.documents import StreamKey
from streams.models import Broadcast, ChannelReport, Refusal, ScheduledBroadcast
from streams.report_admin import ChannelReportAdmin

logger = logging.getLogger(__name__)

KEY_STATES = {"active": gettext_lazy("active"), "expired": gettext_lazy("expired"), "revoked": gettext_lazy("revoked")}


class AddChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    name = ChannelNameField()

    class Meta:
        model = Channel
        fields = ("owner", "name")


class ChannelForm(StreamForm):
    remove_avatar = forms.BooleanField(label=gettext_lazy("Remove the avatar"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("remove_avatar"):
            self.instance.avatar = ""
        return cleaned


class SuspendedFilter(admin.SimpleListFilter):
    title = gettext_lazy("suspended")
    parameter_name = "suspended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("now", gettext_lazy("now"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Channel]) -> QuerySet[Channel]:
        return queryset.filter(suspended_until__gt=timezone.now()) if self.value() == "now" else queryset


@admin.register(Channel)
class ChannelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Changed by the same form as on its streamer's dashboard; its name, by a page that asks for a reason."""

    form = ChannelForm
    list_display = ("name", "title", "owner", "followers", "suspended", "created_at")
    list_select_related = ("owner",)
    list_filter = (SuspendedFilter, "category", "language")
    search_fields = ("name", "title", "owner__email", "former_names__name")
    autocomplete_fields = ("owner",)
    readonly_fields = ("name", "owner", "suspended", "formerly", "created_at", "stream_keys", "last_refused_attempt")

    def get_form(self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = AddChannelForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        return ("owner", "name") if obj is None else (*self.readonly_fields, *ChannelForm.base_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        return () if obj is None else self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return super().get_queryset(request).annotate(follower_count=Count("followers", distinct=True))

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            changes = {name: [_short(form.initial.get(name)), _short(form.cleaned_data[name])] for name in form.changed_data}
            by: Any = request.user
            modlog.write(ModAction.Code.EDIT, by, obj, timezone.now(), user=obj.owner, changes=changes)

    @admin.display(description=gettext_lazy("followers"), ordering="follower_count")
    def followers(self, channel: Channel) -> int:
        return channel.follower_count  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("suspended"), ordering="suspended_until")
    def suspended(self, channel: Channel) -> str:
        if not channel.is_suspended_now:
            return "–"
        until = date_format(channel.suspended_until, "DATETIME_FORMAT")  # type: ignore[arg-type]
        return _("until %(until)s UTC: %(reason)s") % {"until": until, "reason": channel.suspended_for}

    @admin.display(description=gettext_lazy("former names"))
    def formerly(self, channel: Channel) -> str:
        return ", ".join(channel.former_names.values_list("name", flat=True)) or "–"

    @admin.display(description=gettext_lazy("stream keys"))
    def stream_keys(self, channel: Channel) -> SafeString | str:
        """By their public part: the keys themselves are stored nowhere."""
        now = timezone.now()
        try:
            keys = StreamKey.of_channel(channel.pk) if channel.pk else []
        except PyMongoError:
            logger.exception("the keys of channel %s could not be listed", channel)
            return _("The key store does not answer. Try again in a minute.")
        lines = ((key.public_id, KEY_STATES[key.state(now)], key.label) for key in keys)
        return format_html_join(mark_safe("<br>"), "<code>{}</code> {} {}", lines) or _("none")

    @admin.display(description=gettext_lazy("last refused attempt"))
    def last_refused_attempt(self, channel: Channel) -> str:
        refusal = Refusal.objects.filter(channel=channel).first()
        if refusal is None:
            return _("none")
        return f"{refusal.get_reason_display()}, {refusal.addr}, {date_format(refusal.at, 'DATETIME_FORMAT')}"


def _short(value: Any) -> Any:
    return value if isinstance(value, bool) else str(value if value is not None else "")[:200]


@admin.register(Broadcast)
class BroadcastAdmin(Kept):
    """What is known of it; it is ended by a page that asks for a reason."""

    list_display = ("id", "channel", "title", "state", "started_at", "ended_at", "end_reason")
    list_select_related = ("channel",)
    list_filter = ("state", "category", ("end_reason", admin.AllValuesFieldListFilter))
    search_fields = ("id", "title", "channel__name")
    ordering = ("-started_at",)
    date_hierarchy = "started_at"
    fieldsets = (
        (None, {"fields": ("channel_link", "title", "category", "picture")}),
        (gettext_lazy("History"), {"fields": ("history", "epoch", "publisher", "advice_words")}),
        (gettext_lazy("Audience"), {"fields": ("figures", "minutes")}),
        (gettext_lazy("What is sent and encoded"), {"fields": ("ingest", "ladder_table", "leases_table")}),
    )

    readonly_fields = (
        *("channel_link", "picture", "history", "publisher", "advice_words", "figures", "minutes"),
        *("ingest", "ladder_table", "leases_table"),
    )

    @admin.display(description=gettext_lazy("channel"))
    def channel_link(self, broadcast: Broadcast) -> SafeString:
        return format_html('<a href="{}">{}</a>', broadcast.channel.get_absolute_url(), broadcast.channel)

    @admin.display(description=gettext_lazy("last picture"))
    def picture(self, broadcast: Broadcast) -> SafeString | str:
        if broadcast.is_open:
            source = f"/live/{broadcast.channel.name}/thumbnail.jpg"
        elif broadcast.poster:
            source = broadcast.poster.url
        else:
            return _("none")
        return format_html('<img class="evidence" src="{}" alt="{}">', source, _("No picture yet"))

    @admin.display(description=gettext_lazy("states"))
    def history(self, broadcast: Broadcast) -> SafeString:
        return broadcast_facts.history(broadcast)

    @admin.display(description=gettext_lazy("publisher"))
    def publisher(self, broadcast: Broadcast) -> str:
        return broadcast.addr or _("not known")

    @admin.display(description=gettext_lazy("advice"))
    def advice_words(self, broadcast: Broadcast) -> str:
        return broadcast_facts.advice(broadcast)

    @admin.display(description=gettext_lazy("figures"))
    def figures(self, broadcast: Broadcast) -> SafeString | str:
        return broadcast_facts.figures_of(broadcast)

    @admin.display(description=gettext_lazy("viewers per minute"))
    def minutes(self, broadcast: Broadcast) -> SafeString | str:
        return broadcast_facts.minutes_of(broadcast)

    @admin.display(description=gettext_lazy("measured at the ingest"))
    def ingest(self, broadcast: Broadcast) -> SafeString | str:
        return broadcast_facts.ingest(broadcast)

    @admin.display(description=gettext_lazy("ladder"))
    def ladder_table(self, broadcast: Broadcast) -> SafeString | str:
        return broadcast_facts.ladder(broadcast)

    @admin.display(description=gettext_lazy("leases"))
    def leases_table(self, broadcast: Broadcast) -> SafeString | str:
        return broadcast_facts.leases(broadcast)


admin.site.register(ChannelReport, ChannelReportAdmin)


@admin.register(ScheduledBroadcast)
class ScheduledBroadcastAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("channel", "title", "starts_at")
    list_select_related = ("channel",)
    search_fields = ("title", "channel__name")
    autocomplete_fields = ("channel",)
    date_hierarchy = "starts_at"
