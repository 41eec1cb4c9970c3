"""The account that asks."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.strict import Strict, Text
from accounts.api.views import ApiView
from accounts.models import ApiToken, User


class MeSerializer(serializers.Serializer[User]):
    email = serializers.EmailField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    channel = serializers.CharField(source="channel.name", default=None, allow_null=True, help_text="Its name.")
    joined_at = serializers.DateTimeField(source="date_joined")


class MeChange(Strict):
    first_name = Text(max_length=150, required=False, allow_blank=True)
    last_name = Text(max_length=150, required=False, allow_blank=True)


class MeView(ApiView):
    scopes: ClassVar = {"PATCH": ApiToken.Scope.ACCOUNT}
    serializer_class = MeSerializer

    @extend_schema(operation_id="me_retrieve")
    def get(self, request: Request) -> Response:
        """Your account."""
        return self.answer()

    @extend_schema(request=MeChange, operation_id="me_update")
    def patch(self, request: Request) -> Response:
        """Change your name. Address and password are changed on the site, where you prove who you are."""
        changes = self.given(MeChange)
        for name, value in changes.items():
            setattr(self.user, name, value)
        self.user.save(update_fields=list(changes))
        return self.answer()

    def answer(self) -> Response:
        return Response(self.get_serializer(User.objects.select_related("channel").get(pk=self.user.pk)).data)
