"""The stream keys of one's own channel."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pages import Paged
from accounts.api.strict import Choice, Conflict, Strict, Text
from accounts.api.views import ApiView
from accounts.models import ApiToken, User
from streams import limits
from streams.api.channels import own
from streams.documents import StreamKey
from streams.forms import LIFETIMES
from streams.models import Broadcast
from streams.stream_keys import FreshKey, KeyRow, listed

MOST_KEYS = 100  # that can be used; a program that makes ever more has lost its own


class KeySerializer(serializers.Serializer[KeyRow]):
    id = serializers.CharField(source="key.public_id", help_text="The public part of the key.")
    label = serializers.CharField(source="key.label")  # type: ignore[assignment]  # the name of what it shows
    state = serializers.ChoiceField(choices=["active", "expired", "revoked"])
    is_live = serializers.BooleanField(help_text="Whether a broadcast runs with it.")
    created_at = serializers.DateTimeField(source="key.created_at")
    expires_at = serializers.DateTimeField(source="key.expires_at", allow_null=True)
    revoked_at = serializers.DateTimeField(source="key.revoked_at", allow_null=True)
    last_used_at = serializers.DateTimeField(source="key.last_used_at", allow_null=True)


class FreshKeySerializer(KeySerializer):
    stream_key = serializers.CharField(help_text="The key itself: shown this once.")
    server = serializers.CharField(help_text="The address that an encoder is given.")
    joined = serializers.CharField(help_text="Both in one address.")


class NewKey(Strict):
    label = Text(max_length=60, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    expires = Choice(
        choices=list(LIFETIMES), required=False, allow_null=True, default=None, help_text="After so long; null: never."
    )


def count(user: User) -> None:
    """With those that are made by the page."""
    if not limits.KEYS_MADE.hit(str(user.pk)):
        raise Throttled(limits.KEYS_MADE.wait_s(str(user.pk)))


class KeysView(ApiView):
    lists = True
    scopes: ClassVar = {"GET": ApiToken.Scope.KEYS, "POST": ApiToken.Scope.KEYS}
    serializer_class = KeySerializer

    @extend_schema(parameters=[Paged], operation_id="keys_list")
    def get(self, request: Request) -> Response:
        """Your stream keys, those that can be used first."""
        self.asked(Paged)
        channel = own(self.user)
        broadcast = channel.broadcasts.filter(state__in=Broadcast.OPEN).first()
        return self.listed(listed(channel, broadcast, timezone.now()))

    @extend_schema(request=NewKey, responses={201: FreshKeySerializer}, operation_id="keys_create")
    def post(self, request: Request) -> Response:
        """Make a stream key. The answer shows it, this once."""
        wanted, channel, now = self.given(NewKey), own(self.user), timezone.now()
        if sum(key.state(now) == "active" for key in StreamKey.of_channel(channel.pk)) >= MOST_KEYS:
            raise Conflict(_("There are {} keys that can be used: revoke one first.").format(MOST_KEYS))
        count(self.user)
        lifetime = LIFETIMES.get(wanted["expires"])
        key, text = StreamKey.issue(channel.pk, now, wanted["label"], now + lifetime if lifetime else None)
        return Response(self.fresh(key, text), 201)

    def fresh(self, key: StreamKey, text: str) -> dict[str, Any]:
        row: dict[str, Any] = self.get_serializer(KeyRow(key, "active", False)).data
        return row | {"stream_key": text, "server": settings.RTMP_PUBLIC_URL, "joined": FreshKey(text).url}


class KeyView(ApiView):
    scopes: ClassVar = {"DELETE": ApiToken.Scope.KEYS}
    serializer_class = KeySerializer

    @extend_schema(operation_id="keys_revoke")
    def delete(self, request: Request, public_id: str) -> Response:
        """Revoke a stream key. A broadcast that runs with it goes on until it stops."""
        key = next((key for key in StreamKey.of_channel(own(self.user).pk) if key.public_id == public_id), None)
        if key is None:
            raise NotFound
        if not key.revoked_at:
            key.revoke(timezone.now())
        return Response(status=204)
