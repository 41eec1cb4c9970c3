from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Channel, Follow, User
from tests.pages import FRAGMENT, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


def test_it_follows_and_stops_following(client: Client, channel: Channel, bob: User) -> None:
    client.force_login(bob)
    assert client.post("/@alice/follow/")["Location"] == "/@alice/"
    assert Follow.objects.filter(user=bob, channel=channel).count() == 1
    page = text(client.get("/@alice/"))
    assert "1 follower" in page and "Following" in page
    client.post("/@alice/follow/")
    assert not Follow.objects.exists()
    assert "0 followers" in text(client.get("/@alice/"))


def test_a_script_gets_the_button_alone(client: Client, channel: Channel, bob: User) -> None:
    client.force_login(bob)
    page = text(client.post("/@alice/follow/", headers=FRAGMENT))
    assert "Following" in page and "<html" not in page


def test_nobody_follows_their_own_channel(client: Client, alice: User) -> None:
    client.force_login(alice)
    response = client.post("/@alice/follow/")
    assert response.status_code == 403
    assert "your own channel" in text(response)
    assert not Follow.objects.exists()
    assert "/@alice/follow/" not in text(client.get("/@alice/"))


def test_who_is_not_logged_in_is_sent_to_the_login_and_back_to_the_page(client: Client, channel: Channel, bob: User) -> None:
    assert "/accounts/login/?next=/@alice/" in text(client.get("/@alice/"))
    assert client.post("/@alice/follow/")["Location"] == "/accounts/login/?next=/%40alice/follow/"
    client.force_login(bob)
    assert client.get("/@alice/follow/")["Location"] == "/@alice/"
    assert not Follow.objects.exists()


def test_another_sites_form_cannot_follow(channel: Channel, bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post("/@alice/follow/").status_code == 403
    assert not Follow.objects.exists()


def test_an_unknown_channel_is_not_found(client: Client, bob: User) -> None:
    client.force_login(bob)
    assert client.post("/@nobody/follow/").status_code == 404
