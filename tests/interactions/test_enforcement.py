"""What is decided while Redis is away is in force once it is back."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from accounts.models import Channel, User
from interactions import jobs, messages, restrictions, room_settings
from interactions.identity import fingerprint
from interactions.protocol import Refused
from interactions.rules import Settings as Rules
from tests.interactions.rooms import FakeLayer, items, last, log, say, texts, wire

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("control", "layer", "clean_queue")]


def run_deferred() -> None:
    """As a worker would, once."""
    for job in ProcrastinateJob.objects.order_by("id"):
        async_to_sync(getattr(jobs, job.task_name).func)(**job.args)


@pytest.fixture
def without_redis(settings: Settings, control: Any) -> Any:
    """A function, to begin and to end the outage."""
    there = settings.CONTROL_REDIS_URL

    def switch(away: bool) -> None:
        settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0" if away else there

    return switch


def test_a_ban_is_put_in_force_later(channel: Channel, alice: User, bob: User, without_redis: Any, control: Any) -> None:
    without_redis(True)
    restrictions.ban(alice, channel, bob, timezone.now())
    assert log() == [("alice", "ban", "bob")]
    without_redis(False)
    run_deferred()
    with pytest.raises(Refused, match="banned"):
        say(channel, bob, "but")


def test_the_latest_settings_are_put_in_force_later(channel: Channel, alice: User, without_redis: Any) -> None:
    without_redis(True)
    room_settings.change(alice, channel, {"slow_s": 5}, timezone.now())
    room_settings.change(alice, channel, {"slow_s": 7}, timezone.now())
    without_redis(False)
    run_deferred()
    assert [item["settings"]["slow_s"] for item in items(channel)] == [7, 7]


def test_a_purge_is_done_later(channel: Channel, alice: User, bob: User, without_redis: Any) -> None:
    say(channel, bob, "hello")
    without_redis(True)
    messages.purge(alice, channel, bob, timezone.now())
    without_redis(False)
    run_deferred()
    assert texts(channel) == []


def test_what_must_be_read_from_redis_first_is_refused_meanwhile(channel: Channel, alice: User, without_redis: Any) -> None:
    without_redis(True)
    for do in (messages.delete, messages.pin):
        with pytest.raises(Refused, match="busy"):
            do(alice, channel, 1, timezone.now())
    assert log() == []


def test_a_term_of_the_site_reaches_every_room_that_is_known(
    channel: Channel, bob: User, carol: User, mallory: User, control: Any
) -> None:
    for one in (channel, bob.channel):
        say(one, carol, "hello")
    room_settings.block_term(carol, None, "everywhere", timezone.now())
    for one in (channel, bob.channel):
        assert b"everywhere" in control.hget(f"chat:{{{one.name}}}:room", "private")
        assert last(one)["settings"] == Rules().public()
    assert not control.exists("chat:{mallory}:room")


def test_a_term_of_the_site_is_put_in_force_later(
    channel: Channel, bob: User, carol: User, without_redis: Any, control: Any
) -> None:
    say(channel, bob, "hello")
    without_redis(True)
    term = room_settings.block_term(carol, None, "everywhere", timezone.now())
    room_settings.unblock_term(carol, term, timezone.now())
    room_settings.block_term(carol, None, "nowhere", timezone.now())
    without_redis(False)
    run_deferred()
    assert b"nowhere" in control.hget("chat:{alice}:room", "private")
    assert b"everywhere" not in control.hget("chat:{alice}:room", "private")


def test_a_ban_from_the_site_holds_in_every_room_and_in_ones_own(
    channel: Channel, carol: User, alice: User, bob: User, layer: FakeLayer
) -> None:
    restrictions.ban(carol, None, alice, timezone.now(), "threats")
    for room in (channel, bob.channel):
        with pytest.raises(Refused, match="site_banned"):
            say(room, alice, "but")
    with pytest.raises(Refused, match="site_banned"):
        room_settings.shield(alice, channel, True, timezone.now())
    assert layer.to(f"user.{wire(alice)}") == [{"type": "user.out", "room": None, "code": "site_banned"}]


def test_only_the_sites_moderators_ban_from_the_site(channel: Channel, alice: User, carol: User, bob: User) -> None:
    for by, user in ((alice, bob), (bob, alice), (carol, carol)):
        with pytest.raises(Refused, match="forbidden"):
            restrictions.ban(by, None, user, timezone.now())
    assert log() == []


def test_a_room_that_was_renamed_or_is_new_begins_with_the_sites_bans(channel: Channel, carol: User, bob: User) -> None:
    restrictions.ban(carol, None, bob, timezone.now())
    room_settings.shield(carol, channel, True, timezone.now())
    with pytest.raises(Refused, match="site_banned"):
        say(channel, bob, "but")


# --- who is not who they were ---------------------------------------------------------------------------------------------


def test_logging_out_closes_the_sockets_of_that_session(client: Client, bob: User, layer: FakeLayer) -> None:
    client.force_login(bob)
    key = client.session.session_key
    assert key and layer.to(f"user.{wire(bob)}") == []
    client.logout()
    assert layer.to(f"user.{wire(bob)}") == [{"type": "user.signed_out", "session": fingerprint(key)}]


def test_a_session_that_is_ended_by_somebody_else_closes_its_sockets(client: Client, bob: User, layer: FakeLayer) -> None:
    client.force_login(bob)
    Session.objects.all().delete()
    assert [each["type"] for each in layer.to(f"user.{wire(bob)}")] == ["user.signed_out"]


@pytest.mark.parametrize("change", ["add", "remove", "clear", "clear_group"])
def test_whoever_becomes_a_site_moderator_or_stops_being_one_is_told(bob: User, layer: FakeLayer, change: str) -> None:
    group = Group.objects.create(name=f"Site moderators {change}")
    if change != "add":
        bob.groups.add(group)
    before = len(layer.to(f"user.{wire(bob)}"))
    match change:
        case "add":
            group.user_set.add(bob)
        case "remove":
            bob.groups.remove(group)
        case "clear":
            bob.groups.clear()
        case "clear_group":
            group.user_set.remove(bob)
    assert layer.to(f"user.{wire(bob)}")[before:] == [{"type": "user.role", "room": None}]


def close_account(user: User, how: str) -> None:
    match how:
        case "saved":
            user.is_active = False
            user.save()
        case "saved alone":
            user.is_active = False
            user.save(update_fields=["is_active"])
        case "deleted":
            user.delete()


@pytest.mark.parametrize("how", ["saved", "saved alone", "deleted"])
def test_an_account_that_is_closed_by_any_way_is_shown_out_and_says_nothing(
    channel: Channel, bob: User, layer: FakeLayer, how: str
) -> None:
    group, before = f"user.{wire(bob)}", User.objects.select_related("channel").get(pk=bob.pk)
    close_account(bob, how)
    assert layer.to(group) == [{"type": "user.out", "room": None, "code": "site_banned"}]
    with pytest.raises(Refused, match="site_banned"):
        say(channel, before, "but")


def test_an_account_that_is_opened_again_writes_again(channel: Channel, bob: User) -> None:
    for is_active in (False, True):
        bob.is_active = is_active
        bob.save()
    say(channel, bob, "hello again")
    assert texts(channel) == ["hello again"]


def test_logging_in_concerns_no_chat(client: Client, bob: User, layer: FakeLayer) -> None:
    client.force_login(bob)
    assert layer.to(f"user.{wire(bob)}") == []
