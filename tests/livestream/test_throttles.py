from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiToken, User
from livestream import throttles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
LIVE = "/api/v1/live/"
NOON = 1_700_000_040.0  # at a third of a minute


@pytest.fixture(autouse=True)
def few(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.API_ANONYMOUS_PER_MINUTE, settings.API_USER_PER_MINUTE = 2, 3
    at(monkeypatch, NOON)


def at(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(throttles, "time", SimpleNamespace(time=lambda: now))


def stranger(address: str) -> Client:
    return Client(headers={"X-Forwarded-For": address})


def program(user: User) -> Client:
    _token, text = ApiToken.objects.create(user, name="one of them", scopes=["read"])
    return Client(headers={"Authorization": f"Bearer {text}"})


def statuses(client: Client, count: int) -> list[int]:
    return [client.get(LIVE).status_code for _ in range(count)]


def test_an_address_asks_so_often_and_is_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = stranger("203.0.113.7")
    assert statuses(client, 3) == [200, 200, 429]
    answer = client.get(LIVE)
    assert answer["Retry-After"] == str(60 - int(NOON) % 60) and answer["Content-Type"] == "application/problem+json"
    assert statuses(stranger("203.0.113.8"), 1) == [200]
    at(monkeypatch, NOON + 60)
    assert statuses(client, 1) == [200]


def test_one_network_of_ipv6_counts_as_one() -> None:
    assert statuses(stranger("2001:db8::1"), 2) + statuses(stranger("2001:db8::2"), 1) == [200, 200, 429]


def test_an_account_is_counted_whatever_token_it_comes_with(alice: User) -> None:
    first, second = program(alice), program(alice)
    assert statuses(first, 2) + statuses(second, 2) == [200, 200, 200, 429]
    assert statuses(Client(), 1) == [200]


def test_without_redis_everybody_is_let_through(settings: Settings) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert statuses(stranger("203.0.113.7"), 4) == [200] * 4
