from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Channel, Follow, User
from tests.broadcasts import broadcast_of
from tests.cast import join
from tests.streams.api.conftest import Holder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
FOLLOWING = "/api/v1/following/"
JSON = "application/json"


def test_one_follows_and_stops(holder: Holder, channel: Channel, bob: User) -> None:
    client = holder(bob)
    assert client.get(f"{FOLLOWING}alice/").status_code == 404
    answer = client.put(f"{FOLLOWING}alice/", {"by_mail": True}, JSON)
    assert answer.status_code == 200 and answer.json()["by_mail"] is True
    assert client.put(f"{FOLLOWING}alice/").json()["by_mail"] is True
    assert client.get(f"{FOLLOWING}alice/").json()["channel"] == "alice"
    assert client.delete(f"{FOLLOWING}alice/").status_code == 204
    assert client.delete(f"{FOLLOWING}alice/").status_code == 404 and not Follow.objects.exists()


def test_ones_own_channel_is_for_others_to_follow(holder: Holder, channel: Channel) -> None:
    assert holder(channel.owner).put(f"{FOLLOWING}alice/").status_code == 403


def test_the_list_says_who_is_live(holder: Holder, channel: Channel, bob: User) -> None:
    Follow.objects.create(user=bob, channel=channel)
    assert holder(bob).get(FOLLOWING).json()["results"][0]["live"] is None
    broadcast = broadcast_of(channel, "live")
    assert holder(bob).get(FOLLOWING).json()["results"][0]["live"]["id"] == broadcast.pk


def test_a_list_takes_as_many_queries_however_long_it_is(
    holder: Holder, channel: Channel, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = holder(bob)
    client.get(FOLLOWING)  # notes the use of the token
    for name in ("dora", "emil", "fred"):
        Follow.objects.create(user=bob, channel=join(name).channel)
    with django_assert_num_queries(5):  # token, tokens of the account, channel, two for the list
        assert client.get(FOLLOWING).json()["count"] == 3


def test_nobody_sees_what_others_follow(client: Client, db: None) -> None:
    assert client.get(FOLLOWING).status_code == 401
