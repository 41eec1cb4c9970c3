from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Category, Channel, Follow, User
from streams.management.commands.init import CATEGORIES, make_categories
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.cast import join
from tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "own_cache", "quick_passwords")]

NOW = timezone.now()
VIEWERS = "streams.audience.viewers_now"


def channel_of(name: str, **fields: object) -> Channel:
    channel = join(name).channel
    Channel.objects.filter(pk=channel.pk).update(**fields)
    return channel


def live(name: str, minutes: int = 5, **fields: object) -> Broadcast:
    started_at = NOW - dt.timedelta(minutes=minutes)
    return broadcast_of(channel_of(name, **fields), Broadcast.State.LIVE, started_at=started_at)


def listed(client: Client, query: str = "") -> list[str]:
    return re.findall(r'<h3><a href="/@(\w+)/"', text(client.get(f"/{query}")))


@pytest.fixture
def music() -> Category:
    return Category.objects.create(slug="music", name="Music")


def test_only_who_is_live_is_listed_unless_offline_channels_are_asked_for(client: Client) -> None:
    live("alice")
    channel_of("bob")
    assert listed(client) == ["alice"]
    assert listed(client, "?offline=on") == ["alice", "bob"]


@pytest.mark.parametrize("words", ["sil", "SILK", "road silk", "alic", "maps", "Maps"])
def test_a_search_finds_names_titles_and_tags_live_or_not(client: Client, words: str) -> None:
    live("alice", title="The Silk Road", tags=["maps"])
    channel_of("bob", title="Silken road, maps; alice")
    channel_of("carol", title="Something else")
    assert listed(client, f"?q={words}") == ["alice", "bob"]


def test_a_search_takes_signs_as_they_are(client: Client) -> None:
    channel_of("alice", title="100% wool")
    channel_of("bob", title="100 wool")
    assert listed(client, "?q=100%25") == ["alice"]
    assert listed(client, "?q=_%27;--") == []


def test_categories_languages_and_tags_narrow_the_list(client: Client, music: Category) -> None:
    live("alice", category=music, language="de", tags=["jazz"])
    live("bob", category=music, language="en")
    live("carol", language="de", tags=["maps"])
    assert listed(client, "?category=music&sort=name") == ["alice", "bob"]
    assert listed(client, "?language=de&sort=name") == ["alice", "carol"]
    assert listed(client, "?tag=Jazz") == ["alice"]
    assert listed(client, "?category=music&language=de&q=ali") == ["alice"]


def test_the_most_watched_come_first(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = live("alice", minutes=1), live("bob", minutes=9)
    monkeypatch.setattr(VIEWERS, lambda ids: {few.pk: 3, many.pk: 1200})
    assert listed(client) == ["bob", "alice"]
    assert "1200 viewers" in text(client.get("/"))


def test_without_counts_the_newest_come_first(client: Client) -> None:
    live("alice", minutes=9)
    live("bob", minutes=1)
    assert listed(client) == ["bob", "alice"]
    assert listed(client, "?sort=newest") == ["bob", "alice"]
    assert listed(client, "?sort=name") == ["alice", "bob"]


def test_whom_one_follows_comes_first_and_once(client: Client, bob: User) -> None:
    live("alice", minutes=9)
    live("carol", minutes=1)
    Follow.objects.create(user=bob, channel=Channel.objects.get(name="alice"))
    client.force_login(bob)
    assert listed(client) == ["alice", "carol"]
    assert "Channels you follow" in text(client.get("/"))
    assert listed(client, "?q=c") == ["carol", "alice"]


def test_suspended_channels_and_closed_accounts_are_listed_nowhere(client: Client) -> None:
    live("alice", suspended_until=timezone.now() + dt.timedelta(hours=1))
    User.objects.filter(channel=live("bob").channel).update(is_active=False)
    live("carol", suspended_until=timezone.now() - dt.timedelta(hours=1))
    assert listed(client) == ["carol"]
    assert listed(client, "?q=a") == ["carol"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (f"?q={'x' * 101}", "Search: Ensure this value has at most 100 characters"),
        ("?q=%00", "Search: Null characters are not allowed."),
        ("?language=xx", "Language: Select a valid choice."),
        ("?sort=price", "Sort by: Select a valid choice."),
        ("?category=a%20b", "Category: Enter a valid"),
    ],
)
def test_what_cannot_be_looked_for_is_said_and_left_out(client: Client, query: str, words: str) -> None:
    live("alice")
    response = client.get(f"/{query}")
    assert response.status_code == 200
    assert words in text(response) and "/@alice/" in text(response)


@pytest.mark.parametrize("number", ["0", "-1", "999", "x", "²"])
def test_a_page_that_is_not_there_is_the_nearest(client: Client, number: str) -> None:
    live("alice")
    assert listed(client, f"?page={number}") == ["alice"]


def test_pages_go_on_from_live_to_offline_channels(client: Client) -> None:
    for number in range(20):
        live(f"live{number:02}")
        channel_of(f"quiet{number:02}")
    first, second = listed(client, "?offline=on&sort=name"), listed(client, "?offline=on&sort=name&page=2")
    assert first == [f"live{n:02}" for n in range(20)] + [f"quiet{n:02}" for n in range(4)]
    assert second == [f"quiet{n:02}" for n in range(4, 20)]


@pytest.mark.parametrize("query", ["", "?q=e", "?offline=on&page=2", "?sort=name&language=de"])
def test_the_number_of_queries_does_not_grow(client: Client, bob: User, music: Category, query: str) -> None:
    client.force_login(bob)
    counts = []
    for size in (2, 30):
        for number in range(size):
            channel = live(f"live{size}n{number}", category=music, language="de", tags=["one"]).channel
            Follow.objects.create(user=bob, channel=channel) if number % 2 else None
            channel_of(f"quiet{size}n{number}", category=music, language="de")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/{query}")
        counts.append(len(queries))
    assert counts[1] <= counts[0] <= 12


def test_a_search_has_an_index(db: None) -> None:
    found = Channel.objects.filter(title__icontains="silk")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "channel_title_search" in found.explain()


def test_the_site_begins_with_categories_which_an_administrator_may_change(client: Client) -> None:
    make_categories()
    assert Category.objects.count() == len(CATEGORIES) >= 12
    Category.objects.exclude(slug="music").delete()
    make_categories()
    assert [category.slug for category in Category.objects.all()] == ["music"]
