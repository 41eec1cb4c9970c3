"""What moderators do to broadcasts, channels and accounts, by its pages; the RTMP server's control page is a fake."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import modlog
from accounts.forms import ChannelForm
from accounts.models import AppendOnly, Channel, FormerName, ModAction, User
from streams import admission, broadcasts, moderation
from streams.documents import StreamKey, key_hash
from streams.ingest import PublishEvent
from streams.models import Broadcast, Refusal
from streams.moderation import Refused
from streams.refusals import PublishRefused
from tests.broadcasts import broadcast_of
from tests.cast import PASSWORD, can_log_in
from tests.pages import text
from tests.staff import enter, moderator
from tests.streams.rig import own_channel
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["rtmp_server"]

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("plain_static", "own_cache", "key_store", "rtmp_server", "quick_passwords"),
]

WHY = "It breaks the rules"


@pytest.fixture
def channel() -> Channel:
    """Its page lies in the Redis of the running site, so nobody else has the name."""
    return own_channel()


@pytest.fixture
def erin() -> User:
    return moderator()


@pytest.fixture
def admin(client: Client, erin: User) -> Client:
    return enter(client, erin)


def act(client: Client, verb: str, target: Broadcast | Channel | User, **form: object) -> str:
    return text(client.post(f"/admin/act/{verb}/{target.pk}/", {"reason": WHY, **form}, follow=True))


def log() -> list[tuple[str, str, str]]:
    return [(entry.by_name, entry.code, entry.reason) for entry in ModAction.objects.order_by("pk")]


def state(broadcast: Broadcast) -> tuple[str, str]:
    found = Broadcast.objects.get(pk=broadcast.pk)
    return found.state, found.end_reason


def key_of(channel: Channel) -> str:
    return StreamKey.issue(channel.pk, timezone.now())[1]


def refusal(key: str) -> str:
    with pytest.raises(PublishRefused) as refused:
        admission.open(PublishEvent("publish", "boot:1", "live", key, "192.0.2.7"), timezone.now())
    return refused.value.reason


# --- broadcasts -----------------------------------------------------------------------------------------------------------


def test_a_broadcast_is_ended_and_its_key_refused_for_a_while(admin: Client, channel: Channel, rtmp_server: RtmpServer) -> None:
    key = key_of(channel)
    broadcast = broadcast_of(channel, Broadcast.State.LIVE, key_hash=key_hash(key))
    assert "Ended the broadcast of" in act(admin, "end", broadcast)
    assert state(broadcast) == ("ended", "admin")
    assert refusal(key) == "cut_key"
    assert log() == [("erin", "end", WHY)]
    assert "It had ended before" in act(admin, "end", broadcast)
    assert len(log()) == 1


@pytest.mark.usefixtures("dead_key_store")
def test_a_broadcast_is_ended_while_the_key_store_is_away(admin: Client, channel: Channel) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    act(admin, "end", broadcast)
    assert state(broadcast) == ("ended", "admin") and len(log()) == 1


def test_nothing_is_done_without_a_reason(admin: Client, channel: Channel) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    assert "This field is required" in act(admin, "end", broadcast, reason="  ")
    assert state(broadcast)[0] == "live" and log() == []
    assert admin.get(f"/admin/act/end/{broadcast.pk}/").status_code == 200
    assert state(broadcast)[0] == "live"


# --- suspension -----------------------------------------------------------------------------------------------------------


def test_a_suspended_channel_is_cut_off_and_publishes_nothing(admin: Client, channel: Channel) -> None:
    key = key_of(channel)
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    act(admin, "suspend", channel, seconds=3600)
    assert state(broadcast) == ("ended", "suspended")
    assert refusal(key) == "suspended"
    assert Refusal.objects.get(channel=channel).reason == "suspended"
    assert log() == [("erin", "suspend", WHY)]


def test_it_publishes_again_when_the_suspension_is_over_or_lifted(admin: Client, channel: Channel) -> None:
    key, now = key_of(channel), timezone.now()
    channel.suspended_until = now - dt.timedelta(seconds=1)
    channel.save()
    event = PublishEvent("publish", "boot:1", "live", key, "192.0.2.7")
    broadcasts.end(admission.open(event, now).pk, "stopped", now)
    act(admin, "suspend", channel, seconds=3600)
    act(admin, "lift", channel)
    assert admission.open(replace(event, session="boot:2"), now).channel == channel
    assert [code for _, code, _ in log()] == ["suspend", "lift"]


def test_the_dashboard_says_until_when_and_why_and_the_page_only_that(admin: Client, channel: Channel, client: Client) -> None:
    act(admin, "suspend", channel, seconds=3600, until="2099-12-31T18:00")
    client.force_login(channel.owner)
    page = text(client.get("/dashboard/"))
    assert "Your channel is suspended" in page and "31 Dec 2099, 18:00" in page and WHY in page
    client.logout()
    page = text(client.get(channel.get_absolute_url()))
    assert "This channel is suspended" in page and "31 Dec 2099" in page and WHY not in page


def test_a_suspension_has_its_end_ahead(admin: Client, channel: Channel) -> None:
    assert "Choose an end that lies ahead" in act(admin, "suspend", channel, seconds=3600, until="2001-01-01T00:00")
    assert "It is not suspended" in act(admin, "lift", channel)
    assert log() == []


# --- bans -----------------------------------------------------------------------------------------------------------------


def test_a_banned_account_is_out_everywhere(admin: Client, channel: Channel) -> None:
    key, mallory = key_of(channel), channel.owner
    mallory.set_password(PASSWORD)
    mallory.save()
    theirs = Client()
    theirs.force_login(mallory)
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    act(admin, "ban", mallory)
    assert state(broadcast) == ("ended", "admin")
    assert theirs.get("/dashboard/").status_code == 302
    assert not can_log_in(mallory.email)
    assert refusal(key) == "unknown_key"
    assert log() == [("erin", "shut", WHY)]


def test_old_sessions_do_not_come_back_when_the_ban_is_lifted(admin: Client, channel: Channel) -> None:
    theirs = Client()
    theirs.force_login(channel.owner)
    act(admin, "ban", channel.owner)
    assert "It is banned already" in act(admin, "ban", channel.owner)
    act(admin, "unban", channel.owner)
    assert theirs.get("/dashboard/").status_code == 302
    theirs.force_login(User.objects.get(pk=channel.owner_id))
    assert theirs.get("/dashboard/").status_code == 200


def test_a_moderator_acts_on_nobody_of_the_team_and_not_on_the_own_account(admin: Client, erin: User, carol: User) -> None:
    other = moderator("grace")
    for user in (carol, other):
        assert "belongs to the site&#x27;s team" in act(admin, "ban", user)
        assert "belongs to the site&#x27;s team" in act(admin, "suspend", user.channel, seconds=3600)
    assert "would be your own account" in act(admin, "ban", erin)
    assert log() == []


def test_who_lacks_the_right_does_nothing(client: Client, channel: Channel, bob: User) -> None:
    erin = moderator()
    erin.groups.clear()
    enter(client, erin)
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    for verb, target in (("end", broadcast), ("suspend", channel), ("rename", channel), ("ban", bob)):
        assert client.post(f"/admin/act/{verb}/{target.pk}/", {"reason": WHY}).status_code == 403
    assert log() == [] and state(broadcast)[0] == "live"


@pytest.mark.parametrize("address", ["/admin/act/explode/1/", "/admin/act/ban/nobody/", "/admin/act/end/0/"])
def test_what_is_not_there_is_not_found(admin: Client, address: str) -> None:
    assert admin.get(address).status_code == 404


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_away_afterwards(admin: Client, channel: Channel, wanted: str) -> None:
    answer = admin.post(f"/admin/act/suspend/{channel.pk}/?next={wanted}", {"reason": WHY, "seconds": 3600})
    assert answer.headers["Location"] == f"/admin/accounts/channel/{channel.pk}/change/"


# --- names ----------------------------------------------------------------------------------------------------------------


def test_a_renamed_channel_is_found_by_its_old_name_which_nobody_else_gets(
    admin: Client, channel: Channel, client: Client
) -> None:
    before = channel.name
    assert "Renamed the channel" in act(admin, "rename", channel, name=f"New_{before[-16:]}")
    channel.refresh_from_db()
    assert channel.name == f"new_{before[-16:]}"
    assert client.get(f"/@{before}/").headers["Location"] == channel.get_absolute_url()
    assert "This name is taken" in str(ChannelForm({"channel": before}).errors)
    assert ModAction.objects.get().detail == {"name": channel.name}


def test_the_old_name_is_free_when_its_time_is_over(channel: Channel, erin: User) -> None:
    before, now = channel.name, timezone.now()
    moderation.rename(channel, f"new_{before[-16:]}", WHY, erin, now - FormerName.KEPT)
    assert FormerName.find(before, now) is None
    assert ChannelForm({"channel": before}).is_valid()


def test_a_channel_gets_its_own_former_name_back(channel: Channel, erin: User) -> None:
    before, now = channel.name, timezone.now()
    moderation.rename(channel, f"new_{before[-16:]}", WHY, erin, now)
    moderation.rename(channel, before, WHY, erin, now)
    assert Channel.objects.get(pk=channel.pk).name == before
    assert FormerName.find(f"new_{before[-16:]}", now) == channel


@pytest.mark.parametrize("name", ["admin", "x", "../etc", "bob", "with space", "kept_name"])
def test_a_name_that_cannot_be_is_refused(channel: Channel, bob: User, erin: User, name: str) -> None:
    FormerName.objects.create(name="kept_name", channel=bob.channel, until=timezone.now() + dt.timedelta(days=1))
    with pytest.raises(Refused):
        moderation.rename(channel, name, WHY, erin, timezone.now())
    assert not ModAction.objects.exists()


def test_a_channel_is_not_renamed_while_it_is_live(admin: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.RECONNECTING)
    assert "It is live" in act(admin, "rename", channel, name="other_name")
    assert not FormerName.objects.exists()


# --- the log --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def entry(channel: Channel, erin: User) -> ModAction:
    modlog.write(ModAction.Code.LIFT, erin, channel, timezone.now(), reason=WHY)
    return ModAction.objects.get()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_modaction SET reason = 'none'",
        "UPDATE accounts_modaction SET by_name = 'mallory', by_id = NULL",
        "UPDATE accounts_modaction SET detail = '{}', at = now()",
        "DELETE FROM accounts_modaction",
    ],
)
def test_the_log_cannot_be_changed_by_sql(entry: ModAction, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert ModAction.objects.get().reason == WHY


def test_the_log_cannot_be_changed_by_a_superuser_in_the_administration(client: Client, entry: ModAction, carol: User) -> None:
    enter(client, carol)
    address = f"/admin/accounts/modaction/{entry.pk}"
    assert WHY in text(client.get(f"{address}/change/"))
    assert client.post(f"{address}/change/", {"reason": "none"}).status_code == 403
    assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    client.post("/admin/accounts/modaction/", form)
    assert ModAction.objects.get().reason == WHY


def test_the_log_cannot_be_changed_in_code(entry: ModAction) -> None:
    with pytest.raises(AppendOnly):
        ModAction.objects.update(reason="none")
    with pytest.raises(AppendOnly):
        entry.delete()


def test_an_account_in_the_log_can_be_deleted_and_keeps_its_name_there(entry: ModAction, erin: User, channel: Channel) -> None:
    owner = channel.owner
    erin.delete()
    owner.delete()
    found = ModAction.objects.get()
    assert (found.by, found.by_name, found.channel, found.channel_name) == (None, "erin", None, channel.name)


def test_streamers_do_not_read_what_the_site_did(entry: ModAction, channel: Channel) -> None:
    assert not ModAction.of_room(channel).exists()
