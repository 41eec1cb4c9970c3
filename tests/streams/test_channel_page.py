from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Category, Channel
from streams.models import Broadcast, ScheduledBroadcast
from streams.templatetags.lengths import in_hours
from tests.broadcasts import broadcast_of
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache")]

HOUR = dt.timedelta(hours=1)


def page(client: Client) -> str:
    return text(client.get("/@alice/"))


def test_it_says_what_the_channel_is_about(client: Client, channel: Channel) -> None:
    channel.category = Category.objects.create(slug="art", name="Art")
    channel.language, channel.tags = "pt-BR", ["maps & seas"]
    channel.description = "First\nsecond"
    channel.save()
    found = page(client)
    assert 'href="/?category=art">Art<' in found and 'href="/?language=pt-BR" lang="pt-BR">Português (Brasil)<' in found
    assert 'href="/?tag=maps%20%26%20seas">maps &amp; seas<' in found and "First<br>second" in found


def test_a_description_is_text_with_links_and_never_markup(client: Client, channel: Channel) -> None:
    channel.description = '<img src=x onerror=alert(1)> https://example.org/"><b>x</b> javascript:alert(1)'
    channel.save()
    found = page(client)
    assert "<img src=x" not in found and "<b>x</b>" not in found and 'href="javascript:' not in found
    assert 'href="https://example.org/' in found


def test_only_links_into_the_web_are_shown(client: Client, channel: Channel) -> None:
    channel.links = [{"label": "Me", "url": "https://example.org"}, {"label": "Evil", "url": "javascript:alert(1)"}, {}]
    channel.save()
    found = page(client)
    assert '<a href="https://example.org" rel="nofollow noopener me" target="_blank">Me</a>' in found
    assert "Evil" not in found


def test_next_broadcasts_are_announced_and_those_long_gone_are_not(client: Client, channel: Channel) -> None:
    now = timezone.now()
    for title, at in (("Long gone", now - 2 * HOUR), ("A little late", now - HOUR / 2), ("Tomorrow", now + 24 * HOUR)):
        ScheduledBroadcast.objects.create(channel=channel, title=title, starts_at=at)
    found = page(client)
    assert found.index("A little late") < found.index("Tomorrow")
    assert "Long gone" not in found


def test_past_broadcasts_are_listed_with_their_length(client: Client, channel: Channel) -> None:
    began = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    times = {"started_at": began, "live_at": began, "ended_at": began + dt.timedelta(minutes=83)}
    broadcast_of(channel, Broadcast.State.ENDED, title="The amber road", **times)
    broadcast_of(channel, Broadcast.State.FAILED, title="Never seen")
    found = page(client)
    assert "The amber road" in found and "1 h 23 min" in found
    assert "Never seen" not in found


@pytest.mark.parametrize(("minutes", "words"), [(0.1, "1 min"), (59, "59 min"), (60, "1 h 0 min"), (1500, "25 h 0 min")])
def test_lengths_are_said_in_hours(minutes: float, words: str) -> None:
    assert in_hours(dt.timedelta(minutes=minutes)) == words


def test_other_sites_get_a_title_words_and_a_picture(client: Client, channel: Channel) -> None:
    channel.title, channel.description = "Maps & seas", "What <b>is</b> drawn"
    channel.save()
    assert "og:image" not in page(client)
    broadcast_of(channel, Broadcast.State.LIVE)
    found = page(client)
    assert '<meta property="og:title" content="Maps &amp; seas · alice">' in found
    assert '<meta property="og:description" content="What &lt;b&gt;is&lt;/b&gt; drawn">' in found
    assert '<meta property="og:image" content="http://testserver/live/alice/thumbnail.jpg">' in found
    assert '<meta property="og:url" content="http://testserver/@alice/">' in found


def test_an_offline_page_s_picture_is_the_channel_s_own(client: Client, channel: Channel) -> None:
    channel.poster = "posters/alice.jpg"
    channel.save()
    found = page(client)
    assert '<meta property="og:image" content="http://testserver/media/posters/alice.jpg">' in found
    assert '<img src="/media/posters/alice.jpg" alt="" loading="lazy">' in found


def test_a_long_history_takes_no_more_queries(
    client: Client, channel: Channel, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    began = timezone.now()
    for number in range(30):
        times = {"started_at": began - number * HOUR, "live_at": began - number * HOUR, "ended_at": began}
        broadcast_of(channel, Broadcast.State.ENDED, **times)
    with django_assert_max_num_queries(6):
        page(client)
