from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.models import Channel, User
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]


def test_the_start_page_says_when_nobody_is_live(client: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.ENDED)
    assert "Nobody is live." in text(client.get("/"))


def test_the_start_page_lists_who_is_live(client: Client, channel: Channel, bob: User) -> None:
    channel.title = "Maps & seas"
    channel.save()
    broadcast_of(channel, Broadcast.State.LIVE, started_at=dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC))
    broadcast_of(bob.channel, Broadcast.State.RECONNECTING)
    page = text(client.get("/"))
    assert 'href="/@alice/">Maps &amp; seas<' in page
    assert 'datetime="2026-03-01T12:30:00+00:00" title="Live since 1 Mar 2026, 12:30 UTC"' in page
    assert 'href="/@bob/">bob<' in page and "Reconnecting" in page


def test_a_broadcast_without_a_picture_is_not_listed(client: Client, channel: Channel) -> None:
    broadcast_of(channel, Broadcast.State.PUBLISHING)
    assert "/@alice/" not in text(client.get("/"))


def test_the_watch_page_has_the_player(client: Client, channel: Channel) -> None:
    page = text(client.get("/@alice/"))
    assert '<live-player channel="alice"' in page
    assert "http://testserver/live/alice.m3u8" in page  # for those without JavaScript


def test_the_watch_page_tells_nobody_the_owners_address(client: Client, channel: Channel) -> None:
    assert "alice@example.org" not in text(client.get("/@alice/"))


def test_capitals_lead_to_the_channel(client: Client, channel: Channel) -> None:
    response = client.get("/@Alice/")
    assert (response.status_code, response["Location"]) == (301, "/@alice/")


@pytest.mark.parametrize("address", ["/@nobody/", "/@al!ce/", "/nowhere", "/dashboard/keys/x"])
def test_what_is_not_there_is_said_in_words(client: Client, address: str) -> None:
    response = client.get(address, follow=True)
    assert response.status_code == 404
    assert "There is nothing here" in text(response)


def test_an_error_of_the_sites_own_is_said_in_words(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.models.Broadcast.ON_AIR", None)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert "This is not your fault" in text(response)


@pytest.mark.parametrize("address", ["/", "/@alice/"])
def test_pages_stay_out_of_caches(client: Client, channel: Channel, address: str) -> None:
    assert client.get(address)["Cache-Control"] == "private, no-store"


def test_every_static_file_that_a_template_names_exists() -> None:
    templates = [path.read_text() for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html")]
    names = {name for template in templates for name in re.findall(r"{% static '([^']+)'", template)}
    assert len(names) > 5
    assert [name for name in sorted(names) if not finders.find(name)] == []
