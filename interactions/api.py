"""What other programs may ask about a chat, without an account."""

from __future__ import annotations

import json
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Channel
from interactions import room_log, room_settings
from interactions.enforcement import ask
from interactions.protocol import Refused
from interactions.room_log import LOG_ITEMS

SHOWN = 50


class Unavailable(APIException):
    status_code = 503
    default_detail = _("The chat's store does not answer. Try again in a minute.")


class BySerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=["owner", "mod", "vip", "staff"], allow_null=True)


class MessageSerializer(serializers.Serializer[dict[str, Any]]):
    n = serializers.IntegerField(help_text="Rises by one with everything that happens in the room.")
    by = BySerializer()
    text = serializers.CharField()
    at = serializers.IntegerField(help_text="Unix ms.")
    media = serializers.IntegerField(required=False, help_text="Unix ms of the picture that its author was seeing.")
    re = serializers.IntegerField(required=False, help_text="The number of the message that it answers.")
    mentions = serializers.ListField(child=serializers.CharField(), required=False)


class SettingsSerializer(serializers.Serializer[dict[str, Any]]):
    slow_s = serializers.IntegerField(help_text="The least time between two messages of one person.")
    followers_only_s = serializers.IntegerField(allow_null=True, help_text="How long one must have followed; null: not at all.")
    emote_only = serializers.BooleanField()
    hold_links = serializers.ChoiceField(choices=["untrusted", "nobody"], help_text="From whom links wait for a moderator.")
    shield = serializers.BooleanField()
    delay_to_picture = serializers.BooleanField()
    emoji = serializers.ListField(child=serializers.CharField(), help_text="The reactions.")


class ChatSerializer(serializers.Serializer[dict[str, Any]]):
    messages = MessageSerializer(many=True, help_text="The last ones that are visible, the oldest first.")
    settings = SettingsSerializer()


class ChatView(APIView):
    """The last messages of a channel's chat, and what holds there."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(responses=ChatSerializer)
    def get(self, request: Request, name: str) -> Response:
        channel = get_object_or_404(Channel, name=name)
        chat = {"messages": visible(name), "settings": room_settings.settings_of(channel).public()}
        return Response(ChatSerializer(chat).data)


def visible(room: str) -> list[dict[str, Any]]:
    """What was taken back is not in the log."""
    try:
        entries = ask(lambda redis: room_log.tail(redis, room, LOG_ITEMS))
    except Refused as error:
        raise Unavailable from error
    items = [json.loads(entry.text) for entry in entries]
    return [item for item in items if item["t"] == "msg"][-SHOWN:]
