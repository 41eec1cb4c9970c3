from __future__ import annotations

import logging

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from pymongo.errors import PyMongoError

from accounts.models import Channel
from streams import broadcasts
from streams.documents import StreamKey
from streams.models import Broadcast, Refusal

logger = logging.getLogger(__name__)


@admin.register(Channel)
class ChannelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("name", "title", "owner", "followers", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "title", "owner__email")
    autocomplete_fields = ("owner",)
    fields = ("name", "title", "owner", "created_at", "stream_keys", "last_refused_attempt")
    readonly_fields = ("created_at", "stream_keys", "last_refused_attempt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return super().get_queryset(request).annotate(follower_count=Count("followers"))

    @admin.display(ordering="follower_count")
    def followers(self, channel: Channel) -> int:
        return channel.follower_count  # type: ignore[attr-defined]

    @admin.display(description="stream keys")
    def stream_keys(self, channel: Channel) -> SafeString | str:
        """By their public part: the keys themselves are stored nowhere."""
        now = timezone.now()
        try:
            keys = StreamKey.of_channel(channel.pk) if channel.pk else []
        except PyMongoError:
            logger.exception("the keys of channel %s could not be listed", channel)
            return "The key store does not answer. Try again in a minute."
        lines = ((key.public_id, key.state(now), key.label) for key in keys)
        return format_html_join(mark_safe("<br>"), "<code>{}</code> {} {}", lines) or "none"

    def last_refused_attempt(self, channel: Channel) -> str:
        refusal = Refusal.objects.filter(channel=channel).first()
        if refusal is None:
            return "none"
        return f"{refusal.get_reason_display()}, from {refusal.addr}, {date_format(refusal.at, 'DATETIME_FORMAT')}"


@admin.register(Broadcast)
class BroadcastAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("id", "channel", "state", "started_at", "ended_at", "end_reason")
    list_select_related = ("channel",)
    list_filter = ("state", ("end_reason", admin.AllValuesFieldListFilter))
    search_fields = ("id", "channel__name")
    ordering = ("-started_at",)
    date_hierarchy = "started_at"
    actions = ("end",)
    exclude = ("key_hash", "ingest_name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        """Allows the action on the list, and no change of what is recorded."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        return False

    @admin.action(description="End this broadcast", permissions=["change"])
    def end(self, request: HttpRequest, chosen: QuerySet[Broadcast]) -> None:
        """The publisher is dropped, and its key refused for a minute: encoders reconnect by themselves."""
        for broadcast in chosen.select_related("channel"):
            if broadcast.is_open:
                broadcasts.cut(broadcast, timezone.now())
                self.message_user(request, f"Ended the broadcast of {broadcast.channel}.", messages.SUCCESS)
            else:
                self.message_user(request, f"The broadcast of {broadcast.channel} had ended before.", messages.WARNING)
