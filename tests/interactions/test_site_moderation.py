"""What the site's moderators do to accounts and channels, as the chats feel it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone
from redis import Redis

from accounts.models import Channel, ModAction, User
from interactions import archive, enforcement, heat, held, moderation, reports, room_settings
from interactions.models import HeldMessage, Message, Report, Restriction
from interactions.protocol import Refused
from interactions.protocol import Report as ReportFrame
from streams import claims
from streams import moderation as site
from tests.interactions.rooms import FakeLayer, say, texts, wire
from tests.interactions.test_archive import run
from tests.pages import text
from tests.staff import enter, moderator
from tests.streams.rtmp_server import rtmp_server

__all__ = ["rtmp_server"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static", "own_cache", "control", "clean_queue", "rtmp_server", "quick_passwords"),
]
WHY = "It breaks the rules"
HELD = "/admin/interactions/heldmessage/"


@pytest.fixture
def erin() -> User:
    return moderator()


# --- bans -----------------------------------------------------------------------------------------------------------------


def test_a_banned_account_is_shown_out_of_every_chat_at_once_and_says_nothing(
    channel: Channel, mallory: User, erin: User, layer: FakeLayer
) -> None:
    say(channel, mallory, "before")
    site.ban(mallory, WHY, erin, timezone.now())
    assert layer.to(f"user.{wire(mallory)}") == [{"type": "user.out", "room": None, "code": "site_banned"}]
    with pytest.raises(Refused, match="site_banned"):
        say(channel, mallory, "after")
    with pytest.raises(Refused, match="sign_in"):
        moderation.author("alice", mallory.pk)


def test_what_waits_of_a_banned_account_leaves_every_queue(
    channel: Channel, mallory: User, bob: User, erin: User, layer: FakeLayer
) -> None:
    for where in (channel, bob.channel):
        HeldMessage.objects.create(channel=where, user=mallory, text="x", nonce="n" * 8, reason="links", at=timezone.now())
    site.ban(mallory, WHY, erin, timezone.now())
    assert held.waiting(channel) == [] == held.waiting(bob.channel)
    assert [told["item"]["t"] for told in layer.to(f"mods.{bob.channel.name}")] == ["queue.done"]


def test_who_is_unbanned_speaks_again(channel: Channel, mallory: User, erin: User, layer: FakeLayer) -> None:
    site.ban(mallory, WHY, erin, timezone.now())
    site.unban(mallory, WHY, erin, timezone.now())
    say(channel, mallory, "sorry")
    assert texts(channel) == ["sorry"]


def test_a_ban_from_the_chats_outlives_that_of_the_account(
    channel: Channel, mallory: User, erin: User, layer: FakeLayer
) -> None:
    Restriction.objects.create(user=mallory, kind="ban", by=erin, at=timezone.now())
    site.ban(mallory, WHY, erin, timezone.now())
    site.unban(mallory, WHY, erin, timezone.now())
    with pytest.raises(Refused, match="site_banned"):
        say(channel, mallory, "again")


# --- names ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def renamed(channel: Channel, bob: User, erin: User, layer: FakeLayer, control: Redis) -> Iterator[Channel]:
    room_settings.change(channel.owner, channel, {"emote_only": True}, timezone.now())
    say(channel, bob, "not archived yet")
    control.hset("chat:{alice}:heat", "1700000000:x", 3)
    control.hset("chat:{alicia}:room", mapping={"epoch": "of another channel", "n": 7})
    site.rename(channel, "alicia", WHY, erin, timezone.now())
    yield Channel.objects.get(pk=channel.pk)


def test_what_was_said_under_the_old_name_is_archived(renamed: Channel, channel: Channel, bob: User) -> None:
    say(channel, bob, "by somebody who was in the room still")  # CHANNEL has the old name
    run(archive.store)
    found = Message.objects.filter(channel=renamed).order_by("at").values_list("text", flat=True)
    assert list(found) == ["not archived yet", "by somebody who was in the room still"]


def test_the_room_begins_anew_under_the_new_name_with_its_rules(renamed: Channel, bob: User, control: Redis) -> None:
    assert control.keys("chat:{alice}:*") == []
    assert control.hget("chat:{alicia}:room", "epoch") is None
    assert control.hgetall("chat:{alicia}:heat") == {b"1700000000:x": b"3"}
    assert enforcement.restored("alicia").settings["emote_only"] is True
    with pytest.raises(Refused, match="no_room"):
        enforcement.restored("alice")
    assert heat.rooms(timezone.now()) == []
    say(renamed, bob, "hello again")
    assert texts(renamed) == ["hello again"]


# --- the queues -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def report(channel: Channel, bob: User, mallory: User, layer: FakeLayer) -> Report:
    n = say(channel, mallory, "buy things")
    moderation.report("alice", moderation.author("alice", bob.pk), ReportFrame("n" * 12, n, "spam"), timezone.now())
    return Report.objects.get()


def test_reports_of_messages_are_claimed_as_those_of_channels_are(client: Client, report: Report, erin: User) -> None:
    enter(client, erin)
    address = f"/admin/interactions/report/{report.pk}/change/"
    assert "It is yours now" in text(client.post(address, {"_claim": "1"}, follow=True))
    report.refresh_from_db()
    assert report.claimed_by == erin
    assert "Anybody may claim it now" in text(client.post(address, {"_release": "1"}, follow=True))
    assert [entry.code for entry in ModAction.objects.order_by("pk")] == ["claim", "release"]


def test_what_another_moderator_has_claimed_is_left_alone(client: Client, report: Report, erin: User, channel: Channel) -> None:
    claims.claim(report, erin, timezone.now())
    enter(client, moderator("grace"))
    address = f"/admin/interactions/report/{report.pk}/change/"
    for button in ("_dismiss", "_delete", "_ban"):
        assert "Another moderator has claimed it" in text(client.post(address, {button: "1"}, follow=True))
    report.refresh_from_db()
    assert report.state == "open" and texts(channel) == ["buy things"] and not Restriction.objects.exists()
    reports.dismiss(erin, report, timezone.now())
    assert Report.objects.get().state == "dismissed"


def test_held_messages_are_approved_and_denied(
    client: Client, channel: Channel, bob: User, erin: User, layer: FakeLayer
) -> None:
    good, bad = (
        HeldMessage.objects.create(channel=channel, user=bob, text=words, nonce=words * 3, reason="link", at=timezone.now())
        for words in ("good", "evil")
    )
    enter(client, erin)
    page = text(client.get(HELD))
    assert "good" in page and "evil" in page
    for action, one in (("approve", good), ("deny", bad)):
        client.post(HELD, {"action": action, "_selected_action": [one.pk]}, follow=True)
    assert texts(channel) == ["good"]
    assert sorted(HeldMessage.objects.values_list("state", flat=True)) == ["approved", "denied"]
    assert held.waiting(channel) == []
    again = client.post(HELD, {"action": "approve", "_selected_action": [bad.pk]}, follow=True)
    assert "It is not there any more" in text(again)
    assert client.post(f"{HELD}{good.pk}/change/", {"text": "other"}).status_code == 403
