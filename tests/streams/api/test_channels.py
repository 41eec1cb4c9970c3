from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from accounts.models import Channel, Follow, User
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]
STARTED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def test_it_describes_a_channel(client: Client, channel: Channel, bob: User, mallory: User) -> None:
    Follow.objects.create(user=bob, channel=channel)
    Follow.objects.create(user=mallory, channel=channel)
    Channel.objects.filter(pk=channel.pk).update(title="Maps & seas")
    answer = client.get("/api/v1/channels/alice/").json()
    assert answer.pop("created_at")
    assert answer == {
        "name": "alice",
        "title": "Maps & seas",
        "url": "http://testserver/@alice/",
        "description": "",
        "category": None,
        "language": "",
        "tags": [],
        "links": [],
        "latency": "low",
        "avatar": None,
        "followers": 2,
        "viewers": None,
        "live": None,
    }


@pytest.mark.parametrize("state", Broadcast.OPEN)
def test_it_gives_the_broadcast_that_is_open(client: Client, channel: Channel, state: str) -> None:
    broadcast_of(channel, Broadcast.State.ENDED, started_at=STARTED - dt.timedelta(hours=1))
    broadcast = broadcast_of(channel, state, started_at=STARTED)
    assert client.get("/api/v1/channels/alice/").json()["live"] == {
        "id": broadcast.pk,
        "playlist": f"http://testserver/hls/{broadcast.pk}/master.m3u8",
        "state": state,
        "started_at": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("state", [Broadcast.State.ENDED, Broadcast.State.FAILED, Broadcast.State.REFUSED])
def test_a_broadcast_that_is_over_is_not_live(client: Client, channel: Channel, state: str) -> None:
    broadcast_of(channel, state)
    assert client.get("/api/v1/channels/alice/").json()["live"] is None


def test_an_unknown_channel_is_not_found(client: Client) -> None:
    response = client.get("/api/v1/channels/nobody/")
    assert response.status_code == 404 and "detail" in response.json()


def test_it_cannot_be_written(client: Client, channel: Channel) -> None:
    for method in ("post", "put", "delete", "options"):
        assert getattr(client, method)("/api/v1/channels/alice/").status_code == 405


def test_the_schema_describes_it(client: Client) -> None:
    schema = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert {"name", "title", "url", "followers", "live"} <= set(schema["components"]["schemas"]["Channel"]["properties"])
    live = schema["components"]["schemas"]["Channel"]["properties"]["live"]
    assert live["nullable"] and live["allOf"] == [{"$ref": "#/components/schemas/Live"}]


def test_the_documentation_loads_nothing_from_elsewhere(client: Client) -> None:
    page = text(client.get("/api/docs/"))
    assert "/static/drf_spectacular_sidecar/" in page
    assert "https://" not in page
