from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Channel, User
from streams.documents import StreamMetadata
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def streamer(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def over(channel: Channel, title: str = "Maps", **fields: object) -> Broadcast:
    now = timezone.now()
    began = {"started_at": now - 2 * HOUR, "ended_at": now - HOUR, "end_reason": "stopped"}
    return broadcast_of(channel, Broadcast.State.ENDED, title=title, **(began | fields))


def test_before_the_first_broadcast_there_are_words(streamer: Client) -> None:
    assert "No broadcasts yet" in text(streamer.get("/dashboard/broadcasts/"))


def test_broadcasts_are_listed_with_their_length(streamer: Client, channel: Channel) -> None:
    over(channel, "The Silk Road")
    page = text(streamer.get("/dashboard/broadcasts/"))
    assert "The Silk Road" in page and "1 h 0 min" in page


def test_many_broadcasts_come_in_pages(streamer: Client, channel: Channel) -> None:
    for n in range(21):
        over(channel, f"Number {n}.", started_at=timezone.now() - n * HOUR - HOUR)
    assert "Number 20." not in text(streamer.get("/dashboard/broadcasts/"))
    second = text(streamer.get("/dashboard/broadcasts/?page=2"))
    assert "Number 20." in second and "Page 2 of 2" in second
    assert streamer.get("/dashboard/broadcasts/?page=none").status_code == 200


def test_a_broadcast_shows_what_was_sent_and_how_it_ended(streamer: Client, channel: Channel) -> None:
    broadcast = over(channel, end_reason="lost", advice=["b_frames:67"])
    ingest = {"codec": "avc1.64001f", "width": 1280, "height": 720, "fps": 30.0, "gop_s": 2.0, "kbit_s": 2500, "audio": None}
    StreamMetadata(
        id=broadcast.pk,
        channel="alice",
        started_at=broadcast.started_at,
        ingest=ingest,
        renditions={"360p": {"codec": "avc1.4d401e", "bandwidth": 1_000_000, "width": 640, "height": 360}},
    ).save()
    page = text(streamer.get(f"/dashboard/broadcasts/{broadcast.pk}/"))
    assert "It ended: connection lost." in page and "about 67 ms" in page
    assert "1280 × 720" in page and "avc1.64001f" in page and "640 × 360" in page


def test_only_its_streamer_sees_a_broadcast(streamer: Client, client: Client, bob: User) -> None:
    broadcast = over(bob.channel)
    assert streamer.get(f"/dashboard/broadcasts/{broadcast.pk}/").status_code == 404
    assert "Maps" not in text(streamer.get("/dashboard/broadcasts/"))
    assert Client().get(f"/dashboard/broadcasts/{broadcast.pk}/")["Location"].startswith("/accounts/login/")


@pytest.mark.usefixtures("dead_key_store")
def test_without_mongodb_the_pages_show_what_postgresql_knows(streamer: Client, channel: Channel) -> None:
    broadcast = over(channel)
    for address in ("/dashboard/broadcasts/", f"/dashboard/broadcasts/{broadcast.pk}/"):
        page = text(streamer.get(address))
        assert "their store does not answer" in page and "1 h 0 min" in page
