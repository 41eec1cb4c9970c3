"""Who may do what, on every route of the site: the table is tests/permissions.txt. A route without a line fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Category, Channel, User
from streams.documents import StreamKey
from streams.models import Broadcast, ScheduledBroadcast
from tests.broadcasts import broadcast_of
from tests.cast import alice, channel, mallory, quick_passwords
from tests.interactions.rooms import control
from tests.pages import plain_static
from tests.routes import Route, routes
from tests.staff import moderator
from tests.stores import key_store, own_cache

__all__ = ["alice", "channel", "control", "key_store", "mallory", "own_cache", "plain_static", "quick_passwords"]

TABLE = Path(__file__).with_name("permissions.txt")
NONE = "0"  # no row has this key
WHO = ("anonymous", "other", "moderator", "owner")
ROUTES = {route.pattern: route for route in routes()}
Line = tuple[str, str]


def table() -> dict[Line, list[str]]:
    rows = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {(pattern.removeprefix("/"), method): seen for pattern, method, *seen in rows}


EXPECTED = table()


@pytest.fixture
def visitors(
    alice: User, mallory: User, key_store: None, own_cache: None, plain_static: None, control: Any
) -> dict[str, Client]:
    people = {"anonymous": None, "other": mallory, "moderator": moderator(), "owner": alice}
    clients = {who: Client(raise_request_exception=False) for who in WHO}
    for who, person in people.items():
        if person:
            clients[who].force_login(person)
    return clients


@pytest.fixture
def parts(visitors: dict[str, Client], channel: Channel) -> dict[str, str]:
    """What fills the parts of an address: all of it is alice's."""
    owner = channel.owner
    now = timezone.now()
    key, _text = StreamKey.issue(channel.pk, now)
    token, _text = ApiToken.objects.create(owner, name="hers", scopes=["read"])
    broadcast = broadcast_of(channel, Broadcast.State.ENDED, live_at=now, ended_at=now)
    announced = ScheduledBroadcast.objects.create(channel=channel, starts_at=now)
    return {
        "name": "alice",
        "broadcast_id": broadcast.pk,
        "public_id": key.public_id,
        "token_key": token.token_key,
        "user_pk": str(owner.pk),
        "scheduledbroadcast": str(announced.pk),
        "user": str(owner.pk),
        "channel": str(channel.pk),
        "broadcast": broadcast.pk,
        "category": str(Category.objects.create(name="Maps", slug="maps-of-alice").pk),
        "group": str(Group.objects.order_by("pk")[0].pk),
    }


def filled(route: Route, parts: dict[str, str]) -> str:
    admin = route.pattern.split("/")
    own = {
        "pk": parts["scheduledbroadcast"] if "schedule" in route.pattern else NONE,
        "object_id": parts.get(admin[2], NONE) if len(admin) > 2 else NONE,
        "id": parts["user"],
        "content_type_id": "1",
        "secret": settings.RTMP_HOOK_SECRET,
        "boot": "boot",
        "path": "avatars/no-such-picture.webp",
        "token": "none",
        "key": "none",
        "uidb36": "1",
        "verb": "suspend",
        "app_label": "accounts",
        "url": "nowhere/",
        "code": "de",
        "version": "none",
    }
    if route.pattern == "admin/act/<slug:verb>/<slug:pk>/":
        own["pk"] = parts["channel"]
    return route.filled(parts | own)


def again(person: Client) -> Client:
    """As they were, whatever became of their cookies since."""
    client = Client(raise_request_exception=False)
    client.cookies.load({name: each.value for name, each in person.cookies.items()})
    return client


def answered(client: Client, method: str, address: str) -> str:
    """A status; `login` or `prove` where one is sent there first."""
    with undone():
        given: dict[str, Any] = (
            {} if method == "GET" or not address.startswith("/api/") else {"content_type": "application/json"}
        )
        response = getattr(client, method.lower())(address, **given)
    where = urlsplit(response.headers.get("Location", "")).path
    if where in ("/accounts/login/", "/admin/login/"):
        return "login"
    return "prove" if where.endswith("/reauthenticate/") else str(response.status_code)


@contextmanager
def undone() -> Iterator[None]:
    """What is asked leaves no trace, so that everybody asks the same site."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_every_route_has_its_line() -> None:
    there_are = {(pattern, method) for pattern, route in ROUTES.items() for method in route.methods}
    assert there_are == set(EXPECTED)


@pytest.mark.django_db
@pytest.mark.parametrize("part", sorted({pattern.split("/")[0] for pattern, _method in EXPECTED}))
def test_it_answers_as_the_table_says(visitors: dict[str, Client], parts: dict[str, str], part: str) -> None:
    """By the first part of the address: to make people and keys for each line would take minutes."""
    wrong = []
    for (pattern, method), expected in EXPECTED.items():
        if pattern.split("/")[0] == part:
            address = filled(ROUTES[pattern], parts)
            seen = [answered(again(visitors[who]), method, address) for who in WHO]
            wrong += [f"/{pattern} {method} {' '.join(seen)}"] if seen != expected else []
    assert wrong == []
