from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Channel, User
from streams.documents import Audience, StreamMetadata
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.streams.api.conftest import Holder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache", "key_store")]
STARTED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
JSON = "application/json"
LIST = "/api/v1/channels/alice/broadcasts/"


@pytest.fixture
def ended(channel: Channel) -> Broadcast:
    """An hour, with a minute that somebody watched."""
    shown = {"started_at": STARTED, "live_at": STARTED, "ended_at": STARTED + dt.timedelta(hours=1)}
    broadcast = broadcast_of(channel, Broadcast.State.ENDED, title="Maps", end_reason="stopped", **shown)
    Audience.keep(broadcast.pk, {3: {"peak": 7, "watch_s": 360}})
    StreamMetadata(
        id=broadcast.pk,
        channel="alice",
        started_at=STARTED,
        ingest={"fps": 30},
        renditions={"source": {"codecs": "avc1", "width": 640, "height": 360, "bandwidth": 900_000}},
    ).save()
    return broadcast


def test_everybody_sees_what_was_shown(client: Client, ended: Broadcast) -> None:
    found = client.get(f"/api/v1/broadcasts/{ended.pk}/").json()
    assert (found["title"], found["channel"], found["state"]) == ("Maps", "alice", "ended")
    assert found["renditions"] == [{"name": "source", "codecs": "avc1", "width": 640, "height": 360, "bandwidth": 900_000}]
    assert client.get(LIST).json()["results"][0]["id"] == ended.pk


def test_what_it_was_like_is_for_its_streamer(client: Client, holder: Holder, ended: Broadcast, mallory: User) -> None:
    address = f"/api/v1/broadcasts/{ended.pk}/"
    for other in (client, holder(mallory)):
        for found in (other.get(address).json(), other.get(LIST).json()["results"][0]):
            assert found["figures"] is None and found["end_reason"] is None and not found.get("ingest")
    own = holder(ended.channel.owner)
    found = own.get(address).json()
    assert found["figures"]["peak"] == 7 and found["end_reason"] == "stopped" and found["ingest"] == {"fps": 30}
    assert own.get(LIST).json()["results"][0]["figures"]["watch_hours"] == 0.1


@pytest.mark.parametrize("state", [Broadcast.State.FAILED, Broadcast.State.REFUSED, Broadcast.State.PUBLISHING])
def test_what_had_no_picture_is_for_its_streamer_alone(client: Client, holder: Holder, channel: Channel, state: str) -> None:
    broadcast = broadcast_of(channel, state)
    assert client.get(f"/api/v1/broadcasts/{broadcast.pk}/").status_code == 404
    assert client.get(LIST).json()["count"] == 0
    assert holder(channel.owner).get(f"/api/v1/broadcasts/{broadcast.pk}/").status_code == 200


def test_those_of_a_suspended_channel_are_not_shown(client: Client, ended: Broadcast) -> None:
    Channel.objects.update(suspended_until=timezone.now() + dt.timedelta(hours=1))
    assert client.get(f"/api/v1/broadcasts/{ended.pk}/").status_code == 404 and client.get(LIST).status_code == 404


def test_a_list_takes_as_many_queries_however_long_it_is(
    client: Client, ended: Broadcast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        broadcast_of(ended.channel, Broadcast.State.ENDED, live_at=STARTED, ended_at=STARTED)
    with django_assert_num_queries(3):  # the channel, how many, one page
        assert client.get(LIST, {"page_size": 4}).json()["count"] == 4


@pytest.mark.django_db(transaction=True)
def test_a_streamer_ends_a_broadcast(holder: Holder, channel: Channel, mallory: User) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    address = f"/api/v1/broadcasts/{broadcast.pk}/end/"
    assert holder(mallory).post(address, {}, JSON).status_code == 403
    assert holder(channel.owner, "read").post(address, {}, JSON).status_code == 403
    own = holder(channel.owner)
    assert own.post(address, {}, JSON).json()["state"] == "ended"
    assert Broadcast.objects.get().end_reason == "streamer"
    assert own.post(address, {}, JSON).status_code == 409


def test_ids_cannot_be_guessed_nor_played_with(client: Client, ended: Broadcast) -> None:
    for guess in ("1", ended.pk[:-1], "$ne", "%7B%22$ne%22:1%7D", "a" * 300):
        answer = client.get(f"/api/v1/broadcasts/{guess}/")
        assert answer.status_code == 404 and answer["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("dead_key_store")
def test_without_mongodb_it_says_so(client: Client, channel: Channel) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    answer = client.get(f"/api/v1/broadcasts/{broadcast.pk}/")
    assert answer.status_code == 503 and "does not answer" in answer.json()["detail"]
    assert client.get("/api/v1/channels/alice/").json()["live"]["id"] == broadcast.pk
