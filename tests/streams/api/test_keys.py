from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Channel, User
from streams import limits
from streams.api import keys
from streams.documents import StreamKey, key_hash
from tests.streams.api.conftest import Holder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "key_store")]
KEYS = "/api/v1/keys/"
JSON = "application/json"


def test_a_key_is_made_shown_once_listed_and_revoked(holder: Holder, channel: Channel) -> None:
    client = holder(channel.owner)
    answer = client.post(KEYS, {"label": "OBS", "expires": "24h"}, JSON)
    fresh = answer.json()
    assert answer.status_code == 201 and fresh["joined"] == f"{fresh['server']}/{fresh['stream_key']}"
    assert StreamKey.objects(hash=key_hash(fresh["stream_key"])).first().label == "OBS"
    listed = client.get(KEYS).json()["results"]
    assert [(key["id"], key["state"]) for key in listed] == [(fresh["id"], "active")] and listed[0]["expires_at"]
    assert fresh["stream_key"] not in client.get(KEYS).content.decode()
    for _ in range(2):
        assert client.delete(f"{KEYS}{fresh['id']}/").status_code == 204
    assert client.get(KEYS).json()["results"][0]["state"] == "revoked"


def test_keys_of_others_are_not_there(holder: Holder, channel: Channel, mallory: User) -> None:
    key, _text = StreamKey.issue(channel.pk, timezone.now())
    assert holder(mallory).get(KEYS).json()["results"] == []
    assert holder(mallory).delete(f"{KEYS}{key.public_id}/").status_code == 404
    assert StreamKey.of_channel(channel.pk)[0].state(timezone.now()) == "active"


def test_a_program_that_makes_ever_more_is_stopped(holder: Holder, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    client = holder(channel.owner)
    assert [client.post(KEYS, {}, JSON).status_code for _ in range(3)] == [201, 201, 409]


def test_so_many_keys_an_hour_are_made_whether_by_the_page_or_here(holder: Holder, channel: Channel) -> None:
    for _ in range(19):
        assert limits.KEYS_MADE.hit(str(channel.owner.pk))
    client = holder(channel.owner)
    answers = [client.post(KEYS, {}, JSON) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3600 and len(StreamKey.of_channel(channel.pk)) == 1


def test_keys_that_cannot_be_counted_are_not_made(holder: Holder, channel: Channel, settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0"
    answer = holder(channel.owner).post(KEYS, {}, JSON)
    assert answer.status_code == 503 and answer["Content-Type"] == "application/problem+json"
    assert not StreamKey.of_channel(channel.pk)


def test_who_has_no_channel_is_told_so(holder: Holder, db: None) -> None:
    user = User.objects.create_user("dora@example.org")
    answer = holder(user).get(KEYS)
    assert answer.status_code == 404 and "no channel" in answer.json()["detail"]


@pytest.mark.parametrize("scopes", [["read"], ["channel", "follow"]])
def test_a_token_without_the_scope_does_nothing(holder: Holder, channel: Channel, scopes: list[str]) -> None:
    client = holder(channel.owner, *scopes)
    for answer in (client.get(KEYS), client.post(KEYS, {}, JSON)):
        assert answer.status_code == 403 and "“keys”" in answer.json()["detail"]


@pytest.mark.usefixtures("dead_key_store")
def test_without_mongodb_it_says_so(holder: Holder, channel: Channel) -> None:
    client = holder(channel.owner)
    for answer in (client.get(KEYS), client.post(KEYS, {}, JSON), client.delete(f"{KEYS}abc/")):
        assert answer.status_code == 503 and answer["Retry-After"] == "60"
        assert answer.json()["detail"] == "A database does not answer. Try again in a minute."


def test_a_page_of_the_site_needs_its_csrf_token(channel: Channel) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(channel.owner)
    assert client.get(KEYS).status_code == 200
    assert client.post(KEYS, {}, JSON).status_code == 403
    client.get("/dashboard/")
    token = client.cookies["csrftoken"].value
    assert client.post(KEYS, {}, JSON, headers={"X-CSRFToken": token}).status_code == 201
