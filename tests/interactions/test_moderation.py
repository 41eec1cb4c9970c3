"""Frames of moderators, through PostgreSQL, to what the room's log then holds."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import Channel, Follow, ModAction, User
from interactions import moderation, room_settings
from interactions.models import BlockedTerm, HeldMessage, Report, Restriction, RoomRole, RoomSettings
from interactions.protocol import Mod, Refused, Say
from interactions.protocol import Report as ReportFrame
from interactions.rules import Settings
from tests.interactions.rooms import FakeLayer, items, last, log, say, texts, wire

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("control", "layer", "clean_queue"),
]
NONCE = "n" * 12


def act(by: User, do: str, **args: Any) -> None:
    moderation.act("alice", moderation.author("alice", by.pk), Mod(NONCE, do, args), timezone.now())


def refused(by: User, do: str, **args: Any) -> str:
    with pytest.raises(Refused) as error:
        act(by, do, **args)
    return error.value.code


def out(control: Any, user: User, room: str | None = "alice") -> bytes | None:
    key = f"chat:{{{room}}}:out:{wire(user)}" if room else f"chat:out:{wire(user)}"
    return control.get(key)


# --- what was said --------------------------------------------------------------------------------------------------------


def test_a_moderator_deletes_a_message(channel: Channel, moderator: User, bob: User) -> None:
    say(channel, bob, "good")
    n = say(channel, bob, "bad")
    act(moderator, "delete", of=n)
    assert texts(channel) == ["good"]
    assert last(channel) == {"t": "del", "n": n + 1, "of": [n]}
    assert log() == [("dora", "delete", "bob")]
    assert ModAction.objects.get().detail["text"] == "bad"


def test_somebody_is_named_by_id_or_by_name(channel: Channel, moderator: User, mallory: User) -> None:
    act(moderator, "ban", user="@mallory")
    act(moderator, "absolve", user=wire(mallory))
    assert log() == [("dora", "ban", "mallory"), ("dora", "absolve", "mallory")]
    assert refused(moderator, "ban", user="@nobody_here") == "not_found"


def test_what_is_not_there_cannot_be_deleted(channel: Channel, moderator: User) -> None:
    assert refused(moderator, "delete", of=7) == "not_found"
    assert log() == []


def test_a_purge_takes_all_messages_of_one_user(channel: Channel, moderator: User, bob: User, mallory: User) -> None:
    for text in ("one", "two"):
        say(channel, mallory, text)
        say(channel, bob, text)
    act(moderator, "purge", user=wire(mallory))
    assert [item["by"]["name"] for item in items(channel) if item["t"] == "msg"] == ["bob", "bob"]
    assert log() == [("dora", "purge", "mallory")]


def test_the_room_is_cleared(channel: Channel, moderator: User, alice: User, bob: User) -> None:
    say(channel, bob, "hello")
    say(channel, alice, "hello")
    act(moderator, "clear")
    assert [item["t"] for item in items(channel)] == ["clear"]


def test_a_message_is_pinned_and_unpinned(channel: Channel, moderator: User, bob: User, control: Any) -> None:
    n = say(channel, bob, "read this")
    act(moderator, "pin", of=n)
    assert last(channel)["msg"]["text"] == "read this"
    act(moderator, "unpin")
    assert last(channel)["of"] is None and not control.hexists("chat:{alice}:room", "pin")
    assert [code for _, code, _ in log()] == ["pin", "unpin"]
    assert refused(moderator, "pin", of=99) == "not_found"


# --- people ---------------------------------------------------------------------------------------------------------------


def test_a_timeout_holds_in_redis_until_it_ends(
    channel: Channel, moderator: User, bob: User, control: Any, layer: FakeLayer
) -> None:
    act(moderator, "timeout", user=wire(bob), seconds=600, reason="calm down")
    assert b'"timeout"' in (out(control, bob) or b"")
    with pytest.raises(Refused, match="timeout") as refused:
        say(channel, bob, "but")
    assert refused.value.wait_ms and 590_000 < refused.value.wait_ms <= 600_000
    entry = ModAction.objects.get()
    assert (entry.code, entry.reason, entry.detail) == ("timeout", "calm down", {"seconds": 600})
    assert layer.to(f"user.{wire(bob)}") == [{"type": "user.out", "room": "alice", "code": "timeout"}]


def test_a_ban_has_no_end_until_it_is_lifted(channel: Channel, moderator: User, bob: User, control: Any) -> None:
    act(moderator, "ban", user=wire(bob))
    assert control.ttl(f"chat:{{alice}}:out:{wire(bob)}") == -1
    with pytest.raises(Refused, match="banned"):
        say(channel, bob, "but")
    act(moderator, "absolve", user=wire(bob))
    assert out(control, bob) is None and not Restriction.objects.exists()
    say(channel, bob, "thanks")
    assert [code for _, code, _ in log()] == ["ban", "absolve"]
    assert refused(moderator, "absolve", user=wire(bob)) == "not_found"


def test_the_last_word_counts(channel: Channel, moderator: User, bob: User, control: Any) -> None:
    act(moderator, "ban", user=wire(bob))
    act(moderator, "timeout", user=wire(bob), seconds=60)
    assert Restriction.objects.get().kind == "timeout"
    assert control.ttl(f"chat:{{alice}}:out:{wire(bob)}") > 0


def test_a_banned_moderator_is_none_any_more(
    channel: Channel, alice: User, moderator: User, bob: User, layer: FakeLayer
) -> None:
    act(alice, "ban", user=wire(moderator))
    assert not RoomRole.objects.exists()
    assert {"type": "user.role", "room": "alice", "role": None} in layer.to(f"user.{wire(moderator)}")
    assert refused(moderator, "timeout", user=wire(bob), seconds=60) == "forbidden"


def test_a_moderator_in_a_timeout_waits_like_anybody(channel: Channel, alice: User, moderator: User, bob: User) -> None:
    act(alice, "timeout", user=wire(moderator), seconds=60)
    assert refused(moderator, "ban", user=wire(bob)) == "timeout"


@pytest.mark.parametrize("do", ["timeout", "ban", "purge", "absolve"])
def test_nobody_acts_on_the_owner(channel: Channel, alice: User, moderator: User, carol: User, do: str) -> None:
    args: dict[str, Any] = {"seconds": 60} if do == "timeout" else {}
    for by in (moderator, carol, alice):
        assert refused(by, do, user=wire(alice), **args) == "forbidden"
    assert log() == []


def test_a_site_moderator_bans_from_all_chats_in_the_room(
    channel: Channel, moderator: User, alice: User, carol: User, bob: User, control: Any
) -> None:
    for by in (moderator, alice):
        assert refused(by, "site_ban", user=wire(bob)) == "forbidden"
    act(carol, "site_ban", user=wire(bob), reason="threats")
    assert out(control, bob, None) and not out(control, bob)
    assert refused(alice, "site_absolve", user=wire(bob)) == "forbidden"
    act(carol, "site_absolve", user=wire(bob))
    assert not out(control, bob, None)
    assert log() == [("carol", "ban", "bob"), ("carol", "absolve", "bob")]


def test_nobody_acts_on_their_like_or_on_staff(channel: Channel, alice: User, moderator: User, carol: User) -> None:
    other = moderator
    RoomRole.objects.create(channel=channel, user=User.objects.create_user("erin@example.org"), role="mod")
    erin = User.objects.get(email="erin@example.org")
    assert refused(erin, "ban", user=wire(other)) == "forbidden"
    assert refused(alice, "ban", user=wire(carol)) == "forbidden"
    assert refused(moderator, "timeout", user=wire(carol), seconds=1) == "forbidden"


def test_the_owners_message_is_for_the_owner_and_the_site_to_delete(
    channel: Channel, alice: User, moderator: User, carol: User
) -> None:
    n = say(channel, alice, "mine")
    assert refused(moderator, "delete", of=n) == "forbidden"
    act(carol, "delete", of=n)
    assert texts(channel) == []


@pytest.mark.parametrize(
    "do, args",
    [
        ("delete", {"of": 1}),
        ("purge", {"user": "u1"}),
        ("timeout", {"user": "u1", "seconds": 5}),
        ("ban", {"user": "u1"}),
        ("absolve", {"user": "u1"}),
        ("clear", {}),
        ("pin", {"of": 1}),
        ("unpin", {}),
        ("approve", {"id": 1}),
        ("deny", {"id": 1}),
        ("role", {"user": "u1", "role": "mod"}),
        ("set", {"settings": {"slow_s": 1}}),
        ("shield", {"on": True}),
    ],
)
def test_who_is_nobody_here_does_nothing(channel: Channel, mallory: User, do: str, args: dict[str, Any]) -> None:
    if "user" in args:
        args = args | {"user": wire(channel.owner)}
    RoomRole.objects.create(channel=channel, user=mallory, role="vip")
    assert refused(mallory, do, **args) == "forbidden"
    assert items(channel) == [] and log() == []


def test_a_moderator_elsewhere_is_nobody_here(channel: Channel, mallory: User, bob: User) -> None:
    assert refused(mallory, "ban", user=wire(bob)) == "forbidden"
    RoomRole.objects.create(channel=mallory.channel, user=bob, role="mod")
    assert refused(bob, "clear") == "forbidden"


def test_unknown_users_and_rooms_are_said_to_be_unknown(channel: Channel, alice: User) -> None:
    assert refused(alice, "ban", user="u999999") == "not_found"
    with pytest.raises(Refused, match="no_room"):
        moderation.act("nowhere", moderation.author("alice", alice.pk), Mod(NONCE, "clear"), timezone.now())


def test_a_deactivated_account_does_nothing(channel: Channel, alice: User) -> None:
    author = moderation.author("alice", alice.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Refused, match="sign_in"):
        moderation.act("alice", author, Mod(NONCE, "clear"), timezone.now())
    with pytest.raises(Refused, match="sign_in"):
        moderation.author("alice", alice.pk)


# --- roles and settings ---------------------------------------------------------------------------------------------------


def test_the_owner_makes_moderators_and_vips(channel: Channel, alice: User, bob: User, layer: FakeLayer) -> None:
    act(alice, "role", user=wire(bob), role="mod")
    assert moderation.author("alice", bob.pk).role == "mod"
    act(alice, "role", user=wire(bob), role="vip")
    act(alice, "role", user=wire(bob), role=None)
    assert moderation.author("alice", bob.pk).role is None
    assert [message["role"] for message in layer.to(f"user.{wire(bob)}")] == ["mod", "vip", None]
    assert len(log()) == 3


def test_moderators_make_no_moderators(channel: Channel, moderator: User, bob: User) -> None:
    assert refused(moderator, "role", user=wire(bob), role="mod") == "forbidden"


def test_settings_are_changed_for_everybody_at_once(channel: Channel, moderator: User) -> None:
    act(moderator, "set", settings={"slow_s": 5, "followers_only_s": 0})
    assert last(channel)["settings"]["slow_s"] == 5
    row = RoomSettings.objects.get()
    assert (row.slow_s, row.followers_only_s) == (5, 0)
    assert ModAction.objects.get().detail == {"changes": {"slow_s": [0, 5], "followers_only_s": [None, 0]}}


def test_settings_that_make_no_sense_change_nothing(channel: Channel, moderator: User) -> None:
    assert refused(moderator, "set", settings={"slow_s": 5, "emoji": ["<script>"]}) == "bad_message"
    assert items(channel) == [] and log() == [] and not RoomSettings.objects.exists()


def test_what_is_as_it_was_is_not_announced(channel: Channel, moderator: User) -> None:
    act(moderator, "set", settings={"slow_s": 0})
    assert items(channel) == [] and log() == []


def test_the_shield_goes_up_in_one_step(channel: Channel, moderator: User) -> None:
    act(moderator, "shield", on=True)
    assert last(channel)["settings"]["shield"] is True
    assert log() == [("dora", "shield", "")]


def test_blocked_terms_reach_the_servers_and_nobody_else(channel: Channel, alice: User, control: Any) -> None:
    room_settings.block_term(alice, channel, " Bad Word ", timezone.now())
    assert b"Bad Word" in control.hget("chat:{alice}:room", "private")
    assert "Bad Word" not in str(items(channel))
    room_settings.unblock_term(alice, BlockedTerm.objects.get(), timezone.now())
    assert b"Bad Word" not in control.hget("chat:{alice}:room", "private")
    assert [code for _, code, _ in log()] == ["term_add", "term_remove"]


def test_only_the_site_s_moderators_block_a_term_of_the_site(channel: Channel, carol: User, alice: User) -> None:
    room_settings.block_term(carol, None, "everywhere", timezone.now())
    assert "everywhere" in room_settings.settings_of(channel).terms
    with pytest.raises(Refused, match="forbidden"):
        room_settings.block_term(alice, None, "mine", timezone.now())


# --- held messages --------------------------------------------------------------------------------------------------------


def hold(user: User, text: str, nonce: str = NONCE) -> HeldMessage:
    moderation.hold("alice", moderation.author("alice", user.pk), Say(nonce, text), "links", timezone.now())
    return HeldMessage.objects.latest("pk")


def test_a_held_message_waits_for_the_moderators(channel: Channel, bob: User, layer: FakeLayer) -> None:
    held = hold(bob, "see evil.com @alice")
    assert texts(channel) == []
    (told,) = layer.to("mods.alice")
    assert told["type"] == "room.item" and told["item"] == moderation.queue("alice")[0]
    assert told["item"]["id"] == held.pk and told["item"]["by"] == {"id": wire(bob), "name": "bob"}


def test_an_approved_message_is_said_by_its_author(channel: Channel, moderator: User, bob: User, layer: FakeLayer) -> None:
    held = hold(bob, "see evil.com @alice")
    act(moderator, "approve", id=held.pk)
    said = last(channel)
    assert (said["t"], said["by"]["name"], said["text"], said["mentions"]) == ("msg", "bob", held.text, ["alice"])
    assert layer.to("mods.alice")[-1]["item"] == {"t": "queue.done", "id": held.pk}
    assert moderation.queue("alice") == [] and log() == [("dora", "approve", "bob")]
    assert refused(moderator, "deny", id=held.pk) == "not_found"


def test_a_denied_message_is_seen_by_nobody_and_its_author_is_told(
    channel: Channel, moderator: User, bob: User, layer: FakeLayer
) -> None:
    held = hold(bob, "see evil.com")
    act(moderator, "deny", id=held.pk)
    assert layer.to(f"user.{wire(bob)}") == [{"type": "user.item", "room": "alice", "item": {"t": "denied", "nonce": NONCE}}]
    assert items(channel) == [] and moderation.queue("alice") == []
    assert refused(moderator, "approve", id=held.pk) == "not_found"


@pytest.mark.parametrize("do", ["ban", "purge"])
def test_what_waits_of_who_is_banned_or_purged_is_denied_with_it(
    channel: Channel, moderator: User, bob: User, mallory: User, layer: FakeLayer, do: str
) -> None:
    first, second = hold(bob, "see evil.com"), hold(bob, "and evil.org", "2" * 8)
    other = hold(mallory, "see good.com")
    act(moderator, do, user=wire(bob))
    done = [told["item"] for told in layer.to("mods.alice") if told["item"]["t"] == "queue.done"]
    assert done == [{"t": "queue.done", "id": first.pk}, {"t": "queue.done", "id": second.pk}]
    denied = [told["item"] for told in layer.to(f"user.{wire(bob)}") if told["type"] == "user.item"]
    assert [item["nonce"] for item in denied] == [first.nonce, second.nonce]
    assert refused(moderator, "approve", id=first.pk) == "not_found"
    assert [item["id"] for item in moderation.queue("alice")] == [other.pk]
    assert log() == [("dora", do, "bob")]
    assert ModAction.objects.get().summary == "with what waited: “see evil.com” “and evil.org”"


def test_the_message_of_who_is_in_a_timeout_waits_on(channel: Channel, moderator: User, bob: User) -> None:
    held = hold(bob, "see evil.com")
    act(moderator, "timeout", user=wire(bob), seconds=60)
    assert refused(moderator, "approve", id=held.pk) == "timeout"
    assert moderation.queue("alice") != [] and texts(channel) == []


def test_the_same_nonce_is_held_once_and_nobody_fills_the_queue(channel: Channel, bob: User) -> None:
    hold(bob, "see evil.com")
    hold(bob, "see evil.com")
    assert HeldMessage.objects.count() == 1
    hold(bob, "two", "2" * 8), hold(bob, "three", "3" * 8)
    with pytest.raises(Refused, match="held_full"):
        hold(bob, "four", "4" * 8)


def test_another_rooms_queue_is_out_of_reach(channel: Channel, bob: User, mallory: User) -> None:
    held = hold(bob, "see evil.com")
    with pytest.raises(Refused, match="not_found"):
        frame = Mod(NONCE, "approve", {"id": held.pk})
        moderation.act("mallory", moderation.author("mallory", mallory.pk), frame, timezone.now())


# --- reports --------------------------------------------------------------------------------------------------------------


def report(user: User, of: int, reason: str = "spam") -> None:
    moderation.report("alice", moderation.author("alice", user.pk), ReportFrame(NONCE, of, reason), timezone.now())


def test_a_report_keeps_the_message_and_the_ten_before_it(channel: Channel, bob: User, mallory: User, moderator: User) -> None:
    for number in range(12):
        say(channel, bob, f"line {number}")
    n = say(channel, mallory, "buy things")
    say(channel, bob, "after")
    report(bob, n)
    act(moderator, "purge", user=wire(mallory))
    kept = Report.objects.get()
    assert (kept.author, kept.text, kept.user, kept.reporter, kept.reason) == ("mallory", "buy things", mallory, bob, "spam")
    assert [line["text"] for line in kept.context] == [f"line {number}" for number in range(2, 12)]


def test_a_report_is_made_once_per_reporter(channel: Channel, bob: User, mallory: User, alice: User) -> None:
    n = say(channel, mallory, "buy things")
    for reporter in (bob, bob, alice):
        report(reporter, n)
    assert Report.objects.count() == 2


def test_what_nobody_said_cannot_be_reported(channel: Channel, bob: User) -> None:
    with pytest.raises(Refused, match="not_found"):
        report(bob, 5)


def test_nobody_floods_the_reports(channel: Channel, bob: User, mallory: User) -> None:
    numbers = [say(channel, mallory, f"text {number}") for number in range(21)]
    for n in numbers[:20]:
        report(bob, n)
    with pytest.raises(Refused, match="rate"):
        report(bob, numbers[20])


# --- who speaks -----------------------------------------------------------------------------------------------------------


def test_an_author_is_known_by_name_role_and_age(channel: Channel, alice: User, bob: User, carol: User) -> None:
    follow = Follow.objects.create(user=bob, channel=channel)
    author = moderation.author("alice", bob.pk)
    assert (author.id, author.name, author.role) == (bob.pk, "bob", None)
    assert (author.follows_since, author.joined_at) == (follow.created_at, bob.date_joined)
    assert moderation.author("alice", alice.pk).role == "owner"
    assert moderation.author("alice", carol.pk).role == "staff"


def test_a_right_to_moderate_counts_with_staff_status_only(channel: Channel, bob: User) -> None:
    bob.user_permissions.add(Permission.objects.get(codename="moderate_site"))
    assert moderation.author("alice", bob.pk).role is None
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    assert moderation.author("alice", bob.pk).role == "staff"


def test_a_name_without_a_channel_is_one_that_no_channel_can_have(channel: Channel) -> None:
    user = User.objects.create_user("erin@example.org")
    assert moderation.author("alice", user.pk).name == f"user-{user.pk}"


# --- an emptied Redis -----------------------------------------------------------------------------------------------------


def test_a_room_is_restored_with_its_settings_and_restrictions(
    channel: Channel, alice: User, bob: User, mallory: User, carol: User
) -> None:
    act(alice, "set", settings={"slow_s": 5})
    act(alice, "ban", user=wire(bob))
    act(alice, "timeout", user=wire(mallory), seconds=60)
    Restriction.objects.create(user=mallory, channel=None, kind="ban", at=timezone.now())
    Restriction.objects.create(user=bob, channel=mallory.channel, kind="ban", at=timezone.now())
    restored = moderation.restored("alice")
    assert Settings.of(restored.settings, restored.private).slow_s == 5
    known = {(room, user): code for room, user, code, _ in restored.restrictions}
    assert known == {("alice", wire(bob)): "banned", ("alice", wire(mallory)): "timeout", (None, wire(mallory)): "site_banned"}
    with pytest.raises(Refused, match="no_room"):
        moderation.restored("nowhere")


def test_whoever_acts_first_in_a_forgotten_room_brings_its_restrictions_back(
    channel: Channel, alice: User, bob: User, control: Any
) -> None:
    act(alice, "ban", user=wire(bob))
    act(alice, "set", settings={"slow_s": 5})
    control.flushdb()
    act(alice, "clear")
    assert b"banned" in (out(control, bob) or b"") and b'"slow_s":5' in control.hget("chat:{alice}:room", "settings")
