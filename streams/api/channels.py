"""Channels: who there is, what they broadcast now, and one's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from django.db import transaction
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pages import Paged
from accounts.api.strict import Choice, Strict, Text, Unprocessable
from accounts.api.views import OpenView
from accounts.forms import LONGEST_TAG, TAGS, normalized
from accounts.languages import LANGUAGES
from accounts.models import ApiToken, Category, Channel, Follow, User
from streams import audience, broadcasts, directory
from streams.models import Broadcast

SORTS = ("viewers", "newest", "name")


class Shown(NamedTuple):
    channel: Channel
    broadcast: Broadcast | None
    viewers: int | None  # None: nobody knows
    followers: int


# --- what is shown --------------------------------------------------------------------------------------------------------


class LiveSerializer(serializers.ModelSerializer[Broadcast]):
    playlist = serializers.SerializerMethodField(help_text="The HLS multivariant playlist.")

    class Meta:
        model = Broadcast
        fields = ("id", "playlist", "state", "started_at")

    def get_playlist(self, broadcast: Broadcast) -> str:
        return str(self.context["request"].build_absolute_uri(f"/hls/{broadcast.pk}/master.m3u8"))


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ("slug", "name")
        extra_kwargs: ClassVar[Any] = {"slug": {"validators": []}, "name": {"validators": []}}


class LinkSerializer(serializers.Serializer[dict[str, str]]):
    label = serializers.CharField()  # type: ignore[assignment]  # the name of what it shows
    url = serializers.CharField()


class ChannelSerializer(serializers.Serializer[Shown]):
    name = serializers.CharField(source="channel.name")
    title = serializers.CharField(source="channel.title")
    url = serializers.SerializerMethodField(help_text="The page to watch it on.")
    description = serializers.CharField(source="channel.description")
    category = CategorySerializer(source="channel.category", allow_null=True)
    language = serializers.CharField(source="channel.language", help_text="A code of BCP 47, or empty.")
    tags = serializers.ListField(child=serializers.CharField(), source="channel.tags")
    links = LinkSerializer(source="channel.links", many=True)
    latency = serializers.ChoiceField(choices=Channel.Latency.choices, source="channel.latency")
    avatar = serializers.ImageField(source="channel.avatar", allow_null=True)
    created_at = serializers.DateTimeField(source="channel.created_at")
    followers = serializers.IntegerField()
    viewers = serializers.IntegerField(allow_null=True, help_text="Now; null while nobody knows, or nothing is on.")
    live = LiveSerializer(source="broadcast", allow_null=True, help_text="The broadcast that runs now, or null.")

    def get_url(self, shown: Shown) -> str:
        return str(self.context["request"].build_absolute_uri(shown.channel.get_absolute_url()))


def shown(channel: Channel) -> Shown:
    broadcast = channel.broadcasts.filter(state__in=Broadcast.OPEN).first()
    viewers = audience.viewers_now([broadcast.pk]).get(broadcast.pk) if broadcast else None
    return Shown(channel, broadcast, viewers, channel.followers.count())


def shown_all(cards: Sequence[directory.Card]) -> list[Shown]:
    """In one query, however many they are."""
    counted = Follow.objects.filter(channel__in=[card.channel.pk for card in cards]).values_list("channel")
    followers = dict(counted.annotate(Count("pk")))
    return [Shown(card.channel, card.broadcast, card.viewers, followers.get(card.channel.pk, 0)) for card in cards]


# --- what is asked for ----------------------------------------------------------------------------------------------------


class LiveQuery(Paged):
    q = Text(max_length=100, required=False, allow_blank=True, help_text="Words of name, title or tags.")
    category = Text(max_length=40, required=False, allow_blank=True, help_text="Its slug.")
    language = Choice(choices=list(LANGUAGES), required=False)
    tag = Text(max_length=25, required=False, allow_blank=True)
    sort = Choice(choices=SORTS, required=False)


class ChannelChange(Strict):
    title = Text(max_length=140, required=False, allow_blank=True)
    description = Text(max_length=2000, required=False, allow_blank=True)
    category = Text(max_length=40, required=False, allow_null=True, allow_blank=True, help_text="The slug of one; null: none.")
    tags = serializers.ListField(
        child=Text(max_length=LONGEST_TAG, allow_blank=True), required=False, max_length=TAGS, help_text="Kept in lower case."
    )
    language = Choice(choices=["", *LANGUAGES], required=False)
    latency = Choice(choices=Channel.Latency.choices, required=False, help_text="Counts from the next broadcast on.")


def visible_to(user: Any, now: dt.datetime) -> Q:
    """One's own can be seen whatever has become of it."""
    return directory.visible(now) | Q(owner=user) if user.is_authenticated else directory.visible(now)


def find(request: Request, name: str) -> Channel:
    seen = Channel.objects.filter(visible_to(request.user, timezone.now())).select_related("category")
    return get_object_or_404(seen, name=name)


def own(user: User) -> Channel:
    channel = Channel.objects.filter(owner=user).first()
    if channel is None:
        raise NotFound(_("This account has no channel. Make one on the dashboard."))
    return channel


# --- views ----------------------------------------------------------------------------------------------------------------


class ChannelsView(OpenView):
    lists = True
    serializer_class = ChannelSerializer

    @extend_schema(parameters=[LiveQuery], operation_id="channels_list")
    def get(self, request: Request) -> Response:
        """All channels; those that are live come first."""
        return self.listed(cards(self.asked(LiveQuery), offline=True), shown_all)


class LiveView(OpenView):
    lists = True
    serializer_class = ChannelSerializer

    @extend_schema(parameters=[LiveQuery], operation_id="live_list")
    def get(self, request: Request) -> Response:
        """The channels that are live, the most watched first."""
        return self.listed(cards(self.asked(LiveQuery), offline=False), shown_all)


def cards(asked: dict[str, Any], offline: bool) -> directory.Cards:
    filters = {name: value for name, value in asked.items() if name not in ("page", "page_size") and value}
    return directory.find(directory.Wanted(**filters, offline=offline), timezone.now())


class ChannelView(OpenView):
    scopes: ClassVar = {"PATCH": ApiToken.Scope.CHANNEL}
    serializer_class = ChannelSerializer

    @extend_schema(operation_id="channels_retrieve")
    def get(self, request: Request, name: str) -> Response:
        """One channel, and what it broadcasts now."""
        return Response(self.get_serializer(shown(find(request, name))).data)

    @extend_schema(request=ChannelChange, operation_id="channels_update")
    def patch(self, request: Request, name: str) -> Response:
        """Change what your channel says of itself. What is on follows at once."""
        channel = find(request, name)
        if channel.owner_id != request.user.pk:
            raise PermissionDenied(_("This is not your channel."))
        change(channel, self.given(ChannelChange))
        return Response(self.get_serializer(shown(find(request, name))).data)


def change(channel: Channel, changes: dict[str, Any]) -> None:
    if "category" in changes:
        changes["category"] = category(changes["category"])
    if "tags" in changes:
        changes["tags"] = tags(changes["tags"])
    for name, value in changes.items():
        setattr(channel, name, value)
    with transaction.atomic():
        channel.save(update_fields=list(changes))
        broadcasts.retitle(channel)


def category(slug: str | None) -> Category | None:
    found = Category.objects.filter(slug=slug).first() if slug is not None else None
    if slug is not None and found is None:
        raise Unprocessable(_("There is no such category. /api/v1/categories/ lists them."))
    return found


def tags(written: Sequence[str]) -> list[str]:
    found = normalized(written)
    if any(len(tag) > LONGEST_TAG or "," in tag for tag in found):
        raise Unprocessable(_("A tag has 25 characters at most, and no comma."))
    return found


class CategoriesView(OpenView):
    lists = True
    serializer_class = CategorySerializer

    @extend_schema(parameters=[Paged], operation_id="categories_list")
    def get(self, request: Request) -> Response:
        """What channels can be about."""
        self.asked(Paged)
        return self.listed(Category.objects.all())
