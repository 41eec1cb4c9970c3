from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import modlog
from accounts.models import Channel, FormerName, ModAction, User
from streams import audience, figures
from streams.documents import StreamKey, StreamMetadata
from streams.models import Broadcast, EncodeLease, Refusal
from tests.broadcasts import broadcast_of
from tests.cast import join
from tests.pages import text
from tests.staff import enter, moderator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "key_store")]
BROADCASTS = "/admin/streams/broadcast/"


@pytest.fixture
def admin(client: Client, carol: User) -> Client:
    return enter(client, carol)


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


def test_a_channel_is_changed_by_its_streamers_form_and_the_log_says_so(admin: Client, channel: Channel) -> None:
    address = f"/admin/accounts/channel/{channel.pk}/change/"
    form = {"title": "x" * 141, "latency": "low", "reconnect_s": "90", "name": "other", "owner": "1"}
    assert "at most 140" in text(admin.post(address, form))
    Channel.objects.update(avatar="avatars/rude.webp")
    assert admin.post(address, form | {"title": "Friendly", "remove_avatar": "on"}).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.title, channel.avatar.name) == ("alice", "Friendly", "")
    entry = ModAction.objects.get()
    assert (entry.code, entry.channel_name, entry.detail["changes"]) == (
        "edit",
        "alice",
        {"title": ["", "Friendly"], "remove_avatar": ["", True]},
    )


def test_a_channel_is_made_by_a_free_name_alone(admin: Client, channel: Channel) -> None:
    owner = User.objects.create_user("dora@example.org")
    FormerName.objects.create(name="kept", channel=channel, until=timezone.now() + dt.timedelta(days=1))
    for name in ("admin", "alice", "kept", "no name"):
        assert admin.post("/admin/accounts/channel/add/", {"owner": owner.pk, "name": name}).status_code == 200, name
    assert admin.post("/admin/accounts/channel/add/", {"owner": owner.pk, "name": "Dora"}).status_code == 302
    assert Channel.objects.get(name="dora").owner == owner


# --- a broadcast's page ---------------------------------------------------------------------------------------------------


def test_a_broadcast_shows_what_was_measured(admin: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE, ladder=["source", "360p"], advice=["no_audio"])
    EncodeLease.objects.create(
        broadcast=broadcast, rendition="360p", epoch=3, worker="encode@one", expires_at=timezone.now(), failures=2
    )
    StreamMetadata(
        id=broadcast.pk,
        channel="alice",
        started_at=timezone.now(),
        ingest={"codec": "avc1.64001F", "fps": 29.97, "b_frames": True},
        renditions={"360p": {"codecs": "avc1.4d401e", "width": 640, "height": 360, "bandwidth": 800_000}},
    ).save()
    monkeypatch.setattr(figures, "minutes", lambda broadcast, now: [{"minute": 0, "viewers": 3}, {"minute": 1, "viewers": 9}])
    page = text(admin.get(f"{BROADCASTS}{broadcast.pk}/change/"))
    for words in (
        "avc1.64001F",
        "640x360",
        "800 kbit/s",
        "encode@one",
        "no audio",
        "At most 9 at once",
        "/live/alice/thumbnail.jpg",
    ):
        assert words in page, words


@pytest.mark.usefixtures("dead_key_store")
def test_a_broadcast_can_be_opened_while_mongodb_is_away(admin: Client, channel: Channel) -> None:
    page = text(admin.get(f"{BROADCASTS}{broadcast_of(channel, Broadcast.State.ENDED).pk}/change/"))
    assert "The store of figures does not answer" in page and "source" in page


# --- the front page -------------------------------------------------------------------------------------------------------


def test_the_front_page_shows_what_is_live_and_what_was_done(
    client: Client, channel: Channel, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, loud = broadcast_of(channel, Broadcast.State.LIVE, title="Chess"), broadcast_of(bob.channel, Broadcast.State.LIVE)
    monkeypatch.setattr(audience, "viewers_now", lambda ids: {quiet.pk: 1, loud.pk: 41})
    erin = moderator()
    modlog.write(ModAction.Code.LIFT, erin, channel, timezone.now(), reason="it was a mistake")
    page = text(enter(client, erin).get("/admin/"))
    for words in (
        "Chess",
        "41 viewers",
        "1 viewer",
        f"/admin/act/end/{quiet.pk}/",
        "it was a mistake",
        "/live/bob/thumbnail.jpg",
    ):
        assert words in page, words
    assert page.index("/live/bob/") < page.index("/live/alice/")
    assert "Chess" in text(client.get("/admin/wall/"))


def test_the_front_page_shows_nobody_more_than_they_may_see(client: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.LIVE, title="Chess")
    page = text(enter(client, join("looker", is_staff=True)).get("/admin/"))
    assert "Chess" not in page and "open reports" not in page
    assert "alice" not in text(client.get("/admin/search/", {"q": "lice"}))


def test_the_front_page_costs_the_same_however_many_are_live(
    admin: Client, channel: Channel, bob: User, mallory: User, django_assert_max_num_queries: Any
) -> None:
    for one in (channel, bob.channel, mallory.channel):
        broadcast_of(one, Broadcast.State.LIVE)
    with django_assert_max_num_queries(12):
        admin.get("/admin/")


def test_one_box_finds_users_channels_and_broadcasts(admin: Client, channel: Channel, bob: User) -> None:
    broadcast = broadcast_of(bob.channel, Broadcast.State.ENDED, title="Alicante by night")
    page = text(admin.get("/admin/search/", {"q": "alic"}))
    assert "alice@example.org" in page and f"/admin/accounts/channel/{channel.pk}/" in page and broadcast.pk in page
    assert "<script>" not in text(admin.get("/admin/search/", {"q": "<script>"}))
    assert admin.get("/admin/search/", {"q": "%00 '\"; \\"}).status_code == 200


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/search/?q=a", "/admin/act/rename/{channel}/", BROADCASTS + "{broadcast}/change/"]
)
def test_pages_have_no_inline_scripts_or_styles(admin: Client, channel: Channel, address: str) -> None:
    broadcast = broadcast_of(channel, Broadcast.State.LIVE)
    page = text(admin.get(address.format(channel=channel.pk, broadcast=broadcast.pk)))
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)(?![^>]*json)", page)


def test_channels_are_listed_and_found(admin: Client, channel: Channel, bob: User) -> None:
    page = text(admin.get("/admin/accounts/channel/", {"q": "alice@example"}))
    assert "alice@example.org" in page and "bob@example.org" not in page
