from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from livestream import health
from tests.pages import text

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "redis://:carol-s-secret@127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def a_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LATEST", health.Latest())


def readiness(client: Client) -> tuple[int, str, dict[str, str]]:
    answer = client.get("/readyz")
    found: dict[str, Any] = answer.json()
    return answer.status_code, found["state"], found["stores"]


def test_health_asks_no_store(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert text(client.get("/healthz")) == "ok"


def test_a_process_whose_stores_answer_is_ready(client: Client) -> None:
    stores = dict.fromkeys(["postgresql", "mongodb", "redis_segments", "redis_control"], "ok")
    assert readiness(client) == (200, "ready", stores)


def test_without_a_store_that_it_can_do_without_it_says_what_is_away_and_not_where(client: Client, settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = NOWHERE
    status, state, stores = readiness(client)
    assert (status, state, stores["redis_control"]) == (200, "degraded", "away: ConnectionError")
    assert "carol-s-secret" not in str(stores)


def test_without_postgresql_pages_are_not_served(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "PORT", "1")
    status, state, stores = readiness(client)
    assert (status, state, stores["postgresql"]) == (503, "unavailable", "away: OperationalError")


def test_the_origin_goes_on_without_postgresql_and_not_without_segments(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NEEDED_STORE = "redis_segments"
    monkeypatch.setitem(connections.settings["default"], "PORT", "1")
    assert readiness(client)[:2] == (200, "degraded")
    monkeypatch.setattr(health, "LATEST", health.Latest())
    settings.SEGMENTS_REDIS_URL = NOWHERE
    assert readiness(client)[:2] == (503, "unavailable")


def test_whoever_asks_often_is_told_what_was_seen_a_moment_ago(client: Client, settings: Settings) -> None:
    assert readiness(client)[1] == "ready"
    settings.CONTROL_REDIS_URL = NOWHERE
    assert readiness(client)[1] == "ready"
