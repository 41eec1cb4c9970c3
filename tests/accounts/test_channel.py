from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Channel, User
from tests.cast import PASSWORD
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]


@pytest.fixture
def dora() -> User:
    """She has an account without a channel."""
    return User.objects.create_superuser("dora@example.org", PASSWORD)


def test_an_account_without_a_channel_is_asked_to_make_one(client: Client, dora: User) -> None:
    client.force_login(dora)
    assert client.get("/dashboard/")["Location"] == "/accounts/channel/"
    assert "Make your channel" in text(client.get("/accounts/channel/"))
    assert client.post("/accounts/channel/", {"channel": "Dora"})["Location"] == "/dashboard/"
    assert Channel.objects.get(owner=dora).name == "dora"


@pytest.mark.parametrize(("name", "words"), [("alice", "taken"), ("api", "kept for the site"), ("d!", "Use 3 to 30")])
def test_a_channel_that_cannot_be_made_says_why(client: Client, alice: User, dora: User, name: str, words: str) -> None:
    client.force_login(dora)
    assert words in text(client.post("/accounts/channel/", {"channel": name}))
    assert not Channel.objects.filter(owner=dora).exists()


def test_nobody_gets_a_second_channel(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.post("/accounts/channel/", {"channel": "alice2"})["Location"] == "/dashboard/"
    assert Channel.objects.count() == 1
