from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client

from accounts.models import Channel, User
from tests.cast import PASSWORD, join
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]


def sign_up(client: Client, channel: str, email: str = "dora@example.org", password: str = PASSWORD) -> str:
    """Returns where it led, or the page that came back."""
    response = client.post("/accounts/signup/", {"email": email, "channel": channel, "password1": password})
    return response["Location"] if response.status_code == 302 else text(response)


def test_signing_up_makes_a_channel_and_leads_to_the_dashboard(client: Client) -> None:
    assert sign_up(client, "dora_23") == "/dashboard/"
    assert Channel.objects.get(name="dora_23").owner.email == "dora@example.org"
    assert "/@dora_23/" in text(client.get("/dashboard/"))


def test_capitals_become_small_letters(client: Client) -> None:
    assert sign_up(client, "DoRa", email="Dora@Example.ORG") == "/dashboard/"
    assert User.objects.get(email="dora@example.org").channel.name == "dora"


@pytest.mark.parametrize("name", ["", "ab", "a" * 31, "a b", "dora!", "do\nra", "дора", "ab\0c", "../admin"])
def test_a_malformed_name_is_refused(client: Client, name: str) -> None:
    assert "id_channel_error" in sign_up(client, name)
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["admin", "Admin", "api", "dashboard", "livestream"])
def test_a_reserved_name_is_refused_with_words(client: Client, name: str) -> None:
    assert "This name is kept for the site" in sign_up(client, name)
    assert not User.objects.exists()


def test_a_taken_name_is_refused_with_words(client: Client, alice: User) -> None:
    assert "This name is taken. Choose another one." in sign_up(client, "Alice")
    assert not User.objects.filter(email="dora@example.org").exists()


def test_a_taken_address_is_refused(client: Client, alice: User) -> None:
    assert "already registered" in sign_up(client, "alice2", email="ALICE@example.org")
    assert not Channel.objects.filter(name="alice2").exists()


def test_a_poor_password_is_refused(client: Client) -> None:
    assert "too common" in sign_up(client, "dora", password="password1")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_loses_a_race_for_a_name_is_told_and_leaves_no_half_made_account(client: Client) -> None:
    def take_the_name() -> None:
        join("dora", first_name="quick")
        connection.close()

    def overtake(sender: type[User], instance: User, **kwargs: object) -> None:
        if instance.first_name != "quick":
            quick = threading.Thread(target=take_the_name)
            quick.start()
            quick.join()

    pre_save.connect(overtake, sender=User)
    try:
        page = sign_up(client, "dora", email="slow@example.org")
    finally:
        pre_save.disconnect(overtake, sender=User)
    assert "This name is taken. Choose another one." in page
    assert list(User.objects.values_list("email", flat=True)) == ["dora@example.org"]
    assert "_auth_user_id" not in client.session
