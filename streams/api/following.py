"""The channels that one follows."""

from __future__ import annotations

from typing import ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pages import Paged
from accounts.api.strict import Flag, Strict
from accounts.api.views import ApiView
from accounts.models import ApiToken, Follow
from streams.api.channels import LiveSerializer, find
from streams.following import Followed, followed


class FollowedSerializer(serializers.Serializer[Followed]):
    channel = serializers.CharField(source="follow.channel.name", help_text="Its name.")
    title = serializers.CharField(source="follow.channel.title")
    by_mail = serializers.BooleanField(source="follow.by_mail", help_text="Whether a mail tells when it goes live.")
    since = serializers.DateTimeField(source="follow.created_at")
    live = LiveSerializer(source="broadcast", allow_null=True, help_text="What is on, or null.")


class FollowChange(Strict):
    by_mail = Flag(required=False, help_text="Left out: as it is; at first, no mails.")


class FollowingView(ApiView):
    lists = True
    serializer_class = FollowedSerializer

    @extend_schema(parameters=[Paged], operation_id="following_list")
    def get(self, request: Request) -> Response:
        """The channels that you follow, by name."""
        self.asked(Paged)
        return self.listed(followed(self.user))


class FollowView(ApiView):
    scopes: ClassVar = {"PUT": ApiToken.Scope.FOLLOW, "DELETE": ApiToken.Scope.FOLLOW}
    serializer_class = FollowedSerializer

    @extend_schema(operation_id="following_retrieve")
    def get(self, request: Request, name: str) -> Response:
        """Whether you follow a channel: 404 if not."""
        return self.answer(name)

    @extend_schema(request=FollowChange, operation_id="following_follow")
    def put(self, request: Request, name: str) -> Response:
        """Follow a channel."""
        change, channel = self.given(FollowChange), find(request, name)
        if channel.owner_id == self.user.pk:
            raise PermissionDenied(_("This is your own channel: others can follow it."))
        Follow.objects.update_or_create(user=self.user, channel=channel, defaults=change)
        return self.answer(name)

    @extend_schema(operation_id="following_unfollow")
    def delete(self, request: Request, name: str) -> Response:
        """Stop following a channel."""
        count, _each = Follow.objects.filter(user=self.user, channel__name=name).delete()
        if not count:
            raise NotFound(_("You do not follow this channel."))
        return Response(status=204)

    def answer(self, name: str) -> Response:
        found = next((row for row in followed(self.user) if row.follow.channel.name == name), None)
        if found is None:
            raise NotFound(_("You do not follow this channel."))
        return Response(self.get_serializer(found).data)
