"""Broadcasts: everybody sees what was shown; what it was like is for its streamer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pages import Paged
from accounts.api.strict import Conflict, Strict
from accounts.api.views import ApiView, OpenView
from accounts.models import ApiToken, Channel
from streams import broadcasts, figures
from streams.api.channels import CategorySerializer, find
from streams.directory import visible
from streams.documents import StreamMetadata
from streams.figures import Figures
from streams.models import Broadcast


class Row(NamedTuple):
    broadcast: Broadcast
    is_own: bool
    figures: Figures | None
    metadata: StreamMetadata | None = None

    @property
    def ingest(self) -> dict[str, Any] | None:
        return self.metadata.ingest if self.metadata and self.is_own else None

    @property
    def renditions(self) -> list[dict[str, Any]]:
        return [facts | {"name": name} for name, facts in self.metadata.renditions.items()] if self.metadata else []

    @property
    def end_reason(self) -> str | None:
        return self.broadcast.end_reason if self.is_own else None


class FiguresSerializer(serializers.Serializer[Figures]):
    duration_s = serializers.FloatField()
    peak = serializers.IntegerField(help_text="The most viewers at a time.")
    average = serializers.FloatField(help_text="Of viewers.")
    watch_hours = serializers.FloatField()
    stalls = serializers.IntegerField()
    latency_ms = serializers.IntegerField(allow_null=True)
    chat_peak = serializers.IntegerField(help_text="The most people in the chat at a time.")


class RenditionSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField()
    codecs = serializers.CharField(required=False)
    width = serializers.IntegerField(required=False)
    height = serializers.IntegerField(required=False)
    bandwidth = serializers.IntegerField(required=False)


class BroadcastSerializer(serializers.Serializer[Row]):
    id = serializers.CharField(source="broadcast.pk")
    channel = serializers.CharField(source="broadcast.channel.name", help_text="Its name.")
    title = serializers.CharField(source="broadcast.title")
    category = CategorySerializer(source="broadcast.category", allow_null=True)
    state = serializers.ChoiceField(choices=Broadcast.State.choices, source="broadcast.state")
    started_at = serializers.DateTimeField(source="broadcast.started_at")
    live_at = serializers.DateTimeField(source="broadcast.live_at", allow_null=True, help_text="Of the first picture.")
    ended_at = serializers.DateTimeField(source="broadcast.ended_at", allow_null=True)
    poster = serializers.ImageField(source="broadcast.poster", allow_null=True, help_text="Its last picture.")
    end_reason = serializers.CharField(allow_null=True, help_text="A code. For its streamer; null for everybody else.")
    figures = FiguresSerializer(allow_null=True, help_text="For its streamer; null for everybody else.")


class DetailSerializer(BroadcastSerializer):
    renditions = RenditionSerializer(many=True, help_text="As they were measured.")
    ingest = serializers.DictField(allow_null=True, help_text="What its encoder sent. For its streamer alone.")


# --- what is found --------------------------------------------------------------------------------------------------------


def shown_to(user: Any) -> QuerySet[Broadcast]:
    """Strangers see what had a picture."""
    public = Q(channel__in=visible_channels()) & (
        Q(state__in=Broadcast.ON_AIR) | Q(state=Broadcast.State.ENDED, live_at__isnull=False)
    )
    seen = public | Q(channel__owner=user) if user.is_authenticated else public
    return Broadcast.objects.filter(seen).select_related("channel", "category")


def visible_channels() -> QuerySet[Any]:
    return Channel.objects.filter(visible(timezone.now())).values("pk")


def rows(found: Sequence[Broadcast], user: Any, now: dt.datetime) -> list[Row]:
    """Of one channel."""
    is_own = bool(found) and found[0].channel.owner_id == user.pk
    known = figures.of(found, now) if is_own else {}
    return [Row(each, is_own, known.get(each.pk)) for each in found]


def detail(broadcast: Broadcast, user: Any, now: dt.datetime) -> Row:
    metadata = StreamMetadata.objects(id=broadcast.pk).first()
    return rows([broadcast], user, now)[0]._replace(metadata=metadata)


# --- views ----------------------------------------------------------------------------------------------------------------


class BroadcastsView(OpenView):
    lists = True
    serializer_class = BroadcastSerializer

    @extend_schema(parameters=[Paged], operation_id="broadcasts_list")
    def get(self, request: Request, name: str) -> Response:
        """A channel's broadcasts, the latest first."""
        self.asked(Paged)
        found = shown_to(request.user).filter(channel=find(request, name)).order_by("-started_at", "pk")
        return self.listed(found, lambda page: rows(page, request.user, timezone.now()))


class BroadcastView(OpenView):
    serializer_class = DetailSerializer

    @extend_schema(operation_id="broadcasts_retrieve")
    def get(self, request: Request, broadcast_id: str) -> Response:
        """One broadcast, with what was measured."""
        found = get_object_or_404(shown_to(request.user), pk=broadcast_id)
        return Response(self.get_serializer(detail(found, request.user, timezone.now())).data)


class EndView(ApiView):
    scopes: ClassVar = {"POST": ApiToken.Scope.CHANNEL}
    serializer_class = DetailSerializer

    @extend_schema(request=Strict, responses={200: DetailSerializer}, operation_id="broadcasts_end")
    def post(self, request: Request, broadcast_id: str) -> Response:
        """End your own broadcast. Its encoder is kept from coming back for a minute."""
        self.given(Strict)
        found = get_object_or_404(shown_to(request.user), pk=broadcast_id)
        if found.channel.owner_id != request.user.pk:
            raise PermissionDenied(_("This is not your broadcast."))
        if not found.is_open or not broadcasts.stop(found, timezone.now()):
            raise Conflict(_("This broadcast is over already."))
        found.refresh_from_db()
        return Response(self.get_serializer(detail(found, request.user, timezone.now())).data)
