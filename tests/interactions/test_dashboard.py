from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Channel, User
from interactions import restrictions, room_settings
from interactions.models import BlockedTerm, Restriction, RoomRole
from tests.interactions.rooms import last, log
from tests.pages import text

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static", "own_cache", "control", "layer", "clean_queue"),
]
CHAT = "/dashboard/chat/"
SETTINGS = {
    "slow_s": "5",
    "followers_only_s": "600",
    "hold_links": "nobody",
    "domains": "a.example, b.example",
    "emoji": "🔥 👍",
}


@pytest.fixture
def streamer(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def post(client: Client, path: str, form: dict[str, Any]) -> str:
    return text(client.post(CHAT + path, form, follow=True))


def test_it_is_for_who_has_a_channel(client: Client) -> None:
    assert client.get(CHAT).status_code == 302
    client.force_login(User.objects.create_user("erin@example.org"))
    assert client.get(CHAT).headers["Location"] == "/accounts/channel/"


def test_a_new_streamer_sees_what_holds(streamer: Client) -> None:
    page = text(streamer.get(CHAT))
    assert "Raise the shield" in page and "You moderate alone so far." in page and "Nothing yet." in page
    assert CHAT in text(streamer.get("/dashboard/"))


def test_settings_are_saved_and_in_force(streamer: Client, channel: Channel) -> None:
    assert "Saved." in post(streamer, "settings/", SETTINGS | {"emote_only": "on"})
    rules = room_settings.settings_of(channel)
    assert (rules.slow_s, rules.followers_only_s, rules.hold_links) == (5, 600, "nobody")
    assert (rules.domains, rules.emoji) == (("a.example", "b.example"), ("🔥", "👍"))
    assert rules.emote_only and not rules.delay_to_picture
    assert last(channel)["settings"]["emoji"] == ["🔥", "👍"]
    assert 'value="5" selected' in text(streamer.get(CHAT))
    post(streamer, "settings/", SETTINGS | {"followers_only_s": ""})
    assert room_settings.settings_of(channel).followers_only_s is None


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"emoji": "smile"}, "Use emoji"),
        ({"emoji": ""}, "This field is required"),
        ({"domains": "https://a.example/x"}, "Write domains as in"),
        ({"slow_s": "7"}, "Select a valid choice"),
    ],
)
def test_a_mistake_is_shown_where_it_was_made(
    streamer: Client, channel: Channel, wrong: dict[str, str], complaint: str
) -> None:
    page = post(streamer, "settings/", SETTINGS | wrong)
    assert complaint in page and "has-error" in page
    assert room_settings.settings_of(channel).slow_s == 0 and log() == []


def test_what_was_set_elsewhere_is_kept(streamer: Client, alice: User, channel: Channel) -> None:
    room_settings.change(alice, channel, {"slow_s": 7, "followers_only_s": 120}, timezone.now())
    page = text(streamer.get(CHAT))
    assert 'value="7" selected' in page and 'value="120" selected' in page


def test_the_shield_is_raised_and_lowered(streamer: Client, channel: Channel) -> None:
    assert "Lower the shield" in post(streamer, "shield/", {"on": "1"})
    assert room_settings.settings_of(channel).shield
    assert "Raise the shield" in post(streamer, "shield/", {"on": "0"})
    assert [code for _, code, _ in log()] == ["shield", "shield"]


def test_moderators_are_named_and_removed(streamer: Client, bob: User) -> None:
    assert "bob is now a moderator" in post(streamer, "roles/", {"name": "@Bob", "role": "mod"})
    assert RoomRole.objects.get().role == "mod"
    assert "bob has no role" in post(streamer, f"roles/{bob.pk}/remove/", {})
    assert not RoomRole.objects.exists()
    assert "Nobody here is called that." in post(streamer, "roles/", {"name": "nobody", "role": "mod"})
    assert "That is not for you to do" in post(streamer, "roles/", {"name": "alice", "role": "mod"})


def test_terms_are_blocked_and_unblocked(streamer: Client) -> None:
    assert "bad &lt;b&gt; word" in post(streamer, "terms/", {"text": " bad <b> word "})
    assert "blocked already" in post(streamer, "terms/", {"text": "bad <b> word"})
    assert "at least one letter" in post(streamer, "terms/", {"text": "!!"})
    assert "cannot be blank" in post(streamer, "terms/", {"text": " "})
    term = BlockedTerm.objects.get()
    assert "Not blocked any more." in post(streamer, f"terms/{term.pk}/remove/", {})
    assert not BlockedTerm.objects.exists()


def test_a_restriction_is_lifted(streamer: Client, channel: Channel, bob: User, alice: User) -> None:
    restrictions.timeout(alice, channel, bob, 600, timezone.now(), "calm down")
    page = text(streamer.get(CHAT))
    assert "calm down" in page and "timed out" in page and "for 600 s" in page
    assert "bob may write again." in post(streamer, f"restrictions/{bob.pk}/lift/", {})
    assert not Restriction.objects.exists()
    assert "It is not there any more." in post(streamer, f"restrictions/{bob.pk}/lift/", {})


def test_nobody_reaches_into_another_room(client: Client, channel: Channel, alice: User, mallory: User, bob: User) -> None:
    room_settings.block_term(alice, channel, "mine", timezone.now())
    room_settings.set_role(alice, channel, bob, "mod", timezone.now())
    client.force_login(mallory)
    assert client.post(f"{CHAT}terms/{BlockedTerm.objects.get().pk}/remove/").status_code == 404
    assert client.post(f"{CHAT}roles/{bob.pk}/remove/").status_code == 404
    assert BlockedTerm.objects.exists() and RoomRole.objects.exists()


def test_who_is_banned_from_the_site_is_told_so(streamer: Client, alice: User, carol: User) -> None:
    restrictions.ban(carol, None, alice, timezone.now())
    assert "You are banned from the site" in post(streamer, "shield/", {"on": "1"})


@pytest.mark.parametrize("path", ["settings/", "shield/", "roles/", "terms/", "roles/1/remove/"])
def test_nothing_is_changed_by_a_link(streamer: Client, path: str) -> None:
    assert streamer.get(CHAT + path).status_code == 405
