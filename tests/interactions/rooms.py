"""What tests of moderation share: a control Redis of their own, and what is said and heard in a room there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from accounts.models import Channel, ModAction, User
from interactions import enforcement, room_log
from interactions.models import RoomRole
from interactions.room_log import Pace
from tests.cast import join
from tests.streams.rig import clean_queue

__all__ = ["clean_queue"]

OWN_DATABASE = 9


@pytest.fixture
def control(settings: Settings) -> Iterator[Redis]:
    """Beside that of the running site, whose archiver takes what it finds."""
    settings.CONTROL_REDIS_URL = urlsplit(settings.CONTROL_REDIS_URL)._replace(path=f"/{OWN_DATABASE}").geturl()
    with Redis.from_url(settings.CONTROL_REDIS_URL) as redis:
        redis.flushdb()
        yield redis
        redis.flushdb()


class FakeLayer:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.append((group, message))

    def to(self, group: str) -> list[dict[str, Any]]:
        return [message for name, message in self.sent if name == group]


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> FakeLayer:
    fake = FakeLayer()
    monkeypatch.setattr(enforcement, "get_channel_layer", lambda: fake)
    return fake


@pytest.fixture
def moderator(channel: Channel) -> User:
    """Of alice's room."""
    user = join("dora")
    RoomRole.objects.create(channel=channel, user=user, role="mod")
    return user


def wire(user: User) -> str:
    return f"u{user.pk}"


def say(channel: Channel, user: User, text: str) -> int:
    """Its number."""
    at = int(timezone.now().timestamp() * 1000)
    by = {"id": wire(user), "name": user.channel.name, "role": None}
    item = {"t": "msg", "by": by, "text": text, "at": at}
    pace = Pace(burst=1000, slow_ms=0, now_ms=at)
    return enforcement.ask(lambda r: room_log.say(r, channel.name, item, wire(user), secrets.token_hex(8), pace))


def items(channel: Channel) -> list[dict[str, Any]]:
    """What the log holds."""
    entries = enforcement.ask(lambda redis: room_log.since(redis, channel.name, 0))
    return [json.loads(entry.text) for entry in entries]


def texts(channel: Channel) -> list[str]:
    return [item["text"] for item in items(channel) if item["t"] == "msg"]


def last(channel: Channel) -> dict[str, Any]:
    return items(channel)[-1]


def log() -> list[tuple[str, str, str]]:
    """The moderation log: who did what to whom."""
    return [(entry.by_name, entry.code, entry.user_name) for entry in ModAction.objects.order_by("pk")]
