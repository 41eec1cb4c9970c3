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


def test_the_title_is_changed_and_escaped(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = text(client.post("/accounts/stream/", {"title": "<b>Maps & seas</b>", "latency": "low"}, follow=True))
    assert "Saved." in page and "next stream" not in page
    assert "<h1>&lt;b&gt;Maps &amp; seas&lt;/b&gt;</h1>" in text(client.get("/@alice/"))


def test_a_title_that_is_too_long_is_refused_with_words(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = text(client.post("/accounts/stream/", {"title": "x" * 141, "latency": "low"}, follow=True))
    assert "Nothing is changed: Ensure this value has at most 140 characters" in page
    alice.channel.refresh_from_db()
    assert alice.channel.title == ""


def test_the_delay_of_the_next_stream_is_chosen(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = text(client.post("/accounts/stream/", {"title": "", "latency": "steady"}, follow=True))
    assert "The new delay counts from your next stream on." in page
    assert '<option value="steady" selected>' in page


def test_a_delay_that_is_not_offered_is_refused(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "Nothing is changed" in text(client.post("/accounts/stream/", {"latency": "none"}, follow=True))
    assert Channel.objects.get().latency == Channel.Latency.LOW


def test_only_who_is_logged_in_changes_a_stream(client: Client, alice: User) -> None:
    assert client.post("/accounts/stream/", {"title": "Mine"})["Location"].startswith("/accounts/login/")
    assert Channel.objects.get().title == ""
