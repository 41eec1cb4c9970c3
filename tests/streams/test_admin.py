from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import Channel, User
from streams import broadcasts
from streams.documents import StreamKey
from streams.models import Broadcast, Refusal
from tests.broadcasts import broadcast_of
from tests.cast import join
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
BROADCASTS = "/admin/streams/broadcast/"


@pytest.fixture
def admin(client: Client, carol: User) -> Client:
    client.force_login(carol)
    return client


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The broadcasts that were cut, in a fake's memory."""
    ids: list[str] = []

    def remember(broadcast: Broadcast, now: dt.datetime) -> None:
        ids.append(broadcast.pk)

    monkeypatch.setattr(broadcasts, "cut", remember)
    return ids


def end(client: Client, *chosen: Broadcast) -> str:
    form = {"action": "end", "_selected_action": [broadcast.pk for broadcast in chosen]}
    return text(client.post(BROADCASTS, form, follow=True))


def test_it_ends_the_chosen_broadcasts(admin: Client, channel: Channel, bob: User, mallory: User, cut: list[str]) -> None:
    chosen = [broadcast_of(channel, Broadcast.State.LIVE), broadcast_of(bob.channel, Broadcast.State.PUBLISHING)]
    broadcast_of(mallory.channel, Broadcast.State.LIVE)
    page = end(admin, *chosen)
    assert sorted(cut) == sorted(broadcast.pk for broadcast in chosen)
    assert "Ended the broadcast of alice." in page and "Ended the broadcast of bob." in page


def test_what_has_ended_before_is_left_alone(admin: Client, channel: Channel, cut: list[str]) -> None:
    assert "had ended before" in end(admin, broadcast_of(channel, Broadcast.State.ENDED))
    assert cut == []


def test_who_may_only_look_ends_nothing(client: Client, channel: Channel, cut: list[str]) -> None:
    looker = join("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_broadcast"))
    client.force_login(looker)
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    assert broadcast.pk in text(client.get(BROADCASTS))
    end(client, broadcast)
    assert cut == []


def test_broadcasts_are_filtered_by_state(admin: Client, channel: Channel) -> None:
    live, ended = broadcast_of(channel, Broadcast.State.LIVE), broadcast_of(channel, Broadcast.State.ENDED)
    page = text(admin.get(BROADCASTS, {"state__exact": "live"}))
    assert live.pk in page and ended.pk not in page
    assert ended.pk in text(admin.get(BROADCASTS, {"q": "alice"}))


def test_a_broadcast_is_read_only_and_shows_neither_hash_nor_ingest_name(admin: Client, channel: Channel) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE, key_hash="f00d" * 16, ingest_name="secretname")
    address = f"{BROADCASTS}{broadcast.pk}/change/"
    page = text(admin.get(address))
    assert "alice" in page and "f00d" not in page and "secretname" not in page
    admin.post(address, {"state": "ended"})
    broadcast.refresh_from_db()
    assert broadcast.state == "live"
    assert admin.get(f"{BROADCASTS}add/").status_code == 403
    assert admin.get(f"{BROADCASTS}{broadcast.pk}/delete/").status_code == 403


def test_a_channel_shows_its_keys_by_their_public_part_and_its_last_refusal(admin: Client, channel: Channel) -> None:
    key, secret = StreamKey.issue(channel.pk, timezone.now(), "OBS <1>")
    Refusal.objects.create(channel=channel, reason="expired_key", addr="203.0.113.9", at=timezone.now())
    page = text(admin.get(f"/admin/accounts/channel/{channel.pk}/change/"))
    assert f"<code>{key.public_id}</code> active OBS &lt;1&gt;" in page
    assert secret not in page and key.hash not in page
    assert "expired stream key" in page and "203.0.113.9" in page


@pytest.mark.usefixtures("dead_key_store")
def test_a_channel_can_be_opened_while_the_key_store_is_away(admin: Client, channel: Channel) -> None:
    assert "The key store does not answer" in text(admin.get(f"/admin/accounts/channel/{channel.pk}/change/"))


def test_an_administrator_may_not_give_a_reserved_name(admin: Client, channel: Channel) -> None:
    address = f"/admin/accounts/channel/{channel.pk}/change/"
    form = {"name": "admin", "title": "", "owner": channel.owner_id}
    assert "This name is kept for the site" in text(admin.post(address, form))
    assert admin.post(address, form | {"name": "alicia"}).status_code == 302
    assert Channel.objects.get(pk=channel.pk).name == "alicia"


def test_channels_are_listed_and_found(admin: Client, channel: Channel, bob: User) -> None:
    page = text(admin.get("/admin/accounts/channel/", {"q": "alice@example"}))
    assert "alice@example.org" in page and "bob@example.org" not in page
