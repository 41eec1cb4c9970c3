from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from pytest_django import Settings
from rest_framework.request import Request

from accounts.models import ApiToken, User
from livestream.throttles import PerMinute

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
LIVE = "/api/v1/live/"


@pytest.fixture(autouse=True)
def few(settings: Settings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE, settings.API_USER_PER_MINUTE = 2, 3


def stranger(address: str) -> Client:
    return Client(headers={"X-Forwarded-For": address})


def program(user: User) -> Client:
    _token, text = ApiToken.objects.create(user, name="one of them", scopes=["read"])
    return Client(headers={"Authorization": f"Bearer {text}"})


def statuses(client: Client, count: int) -> list[int]:
    return [client.get(LIVE).status_code for _ in range(count)]


def test_an_address_asks_so_often_and_is_told_when_to_come_again() -> None:
    client = stranger("203.0.113.7")
    assert statuses(client, 3) == [200, 200, 429]
    answer = client.get(LIVE)
    assert 1 <= int(answer["Retry-After"]) <= 60 and answer["Content-Type"] == "application/problem+json"
    assert statuses(stranger("203.0.113.8"), 1) == [200]


def test_those_who_ask_at_the_same_time_are_counted_as_well(rf: RequestFactory) -> None:
    def ask(_: int) -> bool:
        request = Request(rf.get(LIVE))
        request.user = AnonymousUser()
        return PerMinute().allow_request(request, None)

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(100))).count(True) == 2


def test_one_network_of_ipv6_counts_as_one() -> None:
    assert statuses(stranger("2001:db8::1"), 2) + statuses(stranger("2001:db8::2"), 1) == [200, 200, 429]


def test_an_account_is_counted_whatever_token_it_comes_with(alice: User) -> None:
    first, second = program(alice), program(alice)
    assert statuses(first, 2) + statuses(second, 2) == [200, 200, 200, 429]
    assert statuses(Client(), 1) == [200]


def test_without_redis_everybody_is_let_through(settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0"
    assert statuses(stranger("203.0.113.7"), 4) == [200] * 4
