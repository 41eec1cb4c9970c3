"""What other programs may ask, without an account."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import RetrieveAPIView

from accounts.models import Channel
from streams.models import Broadcast


class LiveSerializer(serializers.ModelSerializer[Broadcast]):
    playlist = serializers.SerializerMethodField(help_text="The HLS multivariant playlist.")

    class Meta:
        model = Broadcast
        fields = ["id", "playlist", "state", "started_at"]

    def get_playlist(self, broadcast: Broadcast) -> str:
        return str(self.context["request"].build_absolute_uri(f"/hls/{broadcast.pk}/master.m3u8"))


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    url = serializers.SerializerMethodField(help_text="The page to watch it on.")
    followers = serializers.IntegerField(source="follower_count")
    live = serializers.SerializerMethodField(help_text="The broadcast that runs now, or null.")

    class Meta:
        model = Channel
        fields = ["name", "title", "url", "followers", "live"]

    def get_url(self, channel: Channel) -> str:
        return str(self.context["request"].build_absolute_uri(channel.get_absolute_url()))

    @extend_schema_field(LiveSerializer(allow_null=True))
    def get_live(self, channel: Channel) -> dict[str, Any] | None:
        broadcast = channel.broadcasts.filter(state__in=Broadcast.OPEN).first()
        return LiveSerializer(broadcast, context=self.context).data if broadcast else None


class ChannelView(RetrieveAPIView[Channel]):
    """One channel, and what it broadcasts now."""

    authentication_classes = ()
    permission_classes = ()
    queryset = Channel.objects.annotate(follower_count=Count("followers"))
    serializer_class = ChannelSerializer
    lookup_field = "name"
