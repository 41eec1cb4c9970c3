from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Channel, Follow, User
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.cast import join
from tests.pages import FRAGMENT, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


@pytest.fixture
def at_home(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


def test_who_follows_nobody_is_told_how(at_home: Client) -> None:
    assert "You follow nobody yet" in text(at_home.get("/following/"))


def test_what_is_live_comes_first_with_its_picture(at_home: Client, bob: User, channel: Channel, mallory: User) -> None:
    Follow.objects.create(user=bob, channel=channel)
    Follow.objects.create(user=bob, channel=mallory.channel)
    Channel.objects.filter(owner=mallory).update(title="<b>Evil</b>")
    broadcast_of(mallory.channel, Broadcast.State.LIVE)
    broadcast_of(channel, Broadcast.State.ENDED)
    page = text(at_home.get("/following/"))
    assert "/live/mallory/thumbnail.jpg" in page and "/live/alice/thumbnail.jpg" not in page
    assert "&lt;b&gt;Evil&lt;/b&gt;" in page
    assert page.index("/@mallory/") < page.index("/@alice/")


def test_it_asks_as_little_for_many_as_for_one(
    at_home: Client, bob: User, quick_passwords: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(12):
        channel = join(f"fan{n}").channel
        Follow.objects.create(user=bob, channel=channel, by_mail=True)
        broadcast_of(channel, Broadcast.State.LIVE, session=f"boot:{n}")
    with django_assert_max_num_queries(8):
        at_home.get("/following/")


def test_mails_are_asked_for_and_stopped(at_home: Client, bob: User, channel: Channel) -> None:
    assert at_home.post("/@alice/follow/mail/", {"by_mail": "on"}).status_code == 403
    following = Follow.objects.create(user=bob, channel=channel)
    page = text(at_home.post("/@alice/follow/mail/", {"by_mail": "on"}, headers=FRAGMENT))
    assert "Mails are on" in page and "<html" not in page
    following.refresh_from_db()
    assert following.by_mail
    assert "confirmed your address" in text(at_home.get("/following/"))
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
    assert "confirmed your address" not in text(at_home.get("/following/"))
    assert at_home.post("/@alice/follow/mail/", {"next": "following"})["Location"] == "/following/"
    following.refresh_from_db()
    assert not following.by_mail


def test_it_is_for_who_is_logged_in_and_sends_nobody_away(client: Client, channel: Channel, bob: User) -> None:
    assert client.get("/following/")["Location"].startswith("/accounts/login/")
    client.force_login(bob)
    assert client.post("/@alice/follow/", {"next": "https://evil.example/"})["Location"] == "/@alice/"
    assert client.get("/@alice/follow/mail/")["Location"] == "/@alice/"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bob)
    assert strict.post("/@alice/follow/mail/").status_code == 403
