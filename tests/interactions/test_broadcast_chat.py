from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from accounts.models import Channel, User
from interactions.documents import ReactionHeat
from interactions.models import Message
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]
START = dt.datetime(2026, 3, 1, 12, 0, 30, tzinfo=dt.UTC)


@pytest.fixture
def broadcast(channel: Channel) -> Broadcast:
    return broadcast_of(channel, "ended", started_at=START, live_at=START, ended_at=START + dt.timedelta(hours=2))


@pytest.fixture
def streamer(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def say(channel: Channel, user: User, second: int) -> None:
    number = Message.objects.count() + 1
    Message.objects.create(channel=channel, epoch="e", n=number, user=user, text="hi", at=START + dt.timedelta(seconds=second))


def page(client: Client, broadcast: Broadcast) -> str:
    return text(client.get(f"/dashboard/broadcasts/{broadcast.pk}/chat/"))


@pytest.mark.usefixtures("key_store")
def test_what_was_written_and_felt_is_counted_by_the_minute(
    streamer: Client, broadcast: Broadcast, channel: Channel, alice: User, bob: User
) -> None:
    for user, second in ((alice, -1), (alice, 0), (bob, 59), (bob, 61), (bob, 7201)):  # the first and the last are not of it
        say(channel, user, second)
    ReactionHeat.add(broadcast.pk, {(61, "🔥"): 4, (62, "❤️"): 1, (3600, "🔥"): 2})
    answer = streamer.get(f"/dashboard/broadcasts/{broadcast.pk}/chat/")
    assert answer.context["totals"] == {"messages": 3, "people": 2}
    assert answer.context["emoji"] == [("🔥", 6), ("❤️", 1)] and answer.context["reactions"] == 7
    minutes = answer.context["minutes"]
    assert minutes[:2] == [{"minute": 0, "messages": 2, "reactions": 0}, {"minute": 1, "messages": 1, "reactions": 5}]
    assert minutes[60] == {"minute": 60, "messages": 0, "reactions": 2} and len(minutes) == 61


@pytest.mark.usefixtures("key_store")
def test_a_quiet_broadcast_says_so(streamer: Client, broadcast: Broadcast) -> None:
    assert "Nobody wrote or reacted." in page(streamer, broadcast)


@pytest.mark.usefixtures("dead_key_store")
def test_without_mongodb_it_shows_the_messages_and_says_what_is_missing(
    streamer: Client, broadcast: Broadcast, channel: Channel, bob: User
) -> None:
    say(channel, bob, 5)
    shown = page(streamer, broadcast)
    assert "Reactions cannot be read" in shown and "People who wrote" in shown


def test_somebody_else_does_not_see_it(client: Client, bob: User, broadcast: Broadcast) -> None:
    client.force_login(bob)
    assert client.get(f"/dashboard/broadcasts/{broadcast.pk}/chat/").status_code in (302, 404)
