from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Channel, User
from interactions import messages, room_settings
from tests.interactions.rooms import say, wire

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static", "own_cache", "control", "layer", "clean_queue"),
]
ADDRESS = "/api/v1/channels/alice/chat/"


def test_it_gives_the_last_visible_messages_and_the_settings(client: Client, channel: Channel, bob: User) -> None:
    numbers = [say(channel, bob, f"message {number}") for number in range(60)]
    messages.delete(channel.owner, channel, numbers[59], timezone.now())
    room_settings.change(channel.owner, channel, {"slow_s": 5}, timezone.now())
    answer = client.get(ADDRESS).json()
    assert [said["text"] for said in answer["messages"]] == [f"message {number}" for number in range(9, 59)]
    said = answer["messages"][0]
    assert said["by"] == {"id": wire(bob), "name": "bob", "role": None}
    assert set(said) == {"n", "by", "text", "at"}
    assert answer["settings"] == room_settings.settings_of(channel).public() and answer["settings"]["slow_s"] == 5


def test_a_room_where_nothing_was_said_is_empty(client: Client, channel: Channel) -> None:
    assert client.get(ADDRESS).json()["messages"] == []


def test_blocked_terms_stay_secret(client: Client, channel: Channel) -> None:
    room_settings.block_term(channel.owner, channel, "secret", timezone.now())
    assert "secret" not in client.get(ADDRESS).content.decode()


def test_an_unknown_channel_is_not_found(client: Client, db: None) -> None:
    assert client.get("/api/v1/channels/nobody/chat/").status_code == 404


def test_without_redis_it_says_so(client: Client, channel: Channel, settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get(ADDRESS)
    assert response.status_code == 503 and "does not answer" in response.json()["detail"]


def test_the_schema_describes_it(client: Client) -> None:
    schema = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert set(schema["components"]["schemas"]["Chat"]["properties"]) == {"messages", "settings"}
