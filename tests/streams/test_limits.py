from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from django.test import Client
from pytest_django import Settings
from redis.exceptions import RedisError

from accounts.models import User
from streams import limits
from streams.addresses import PerAddress, PerMinute, TooMany
from streams.documents import StreamKey
from streams.limits import Limit
from tests.pages import text
from tests.streams.rig import random_id

NOWHERE = "redis://127.0.0.1:1/0"


def test_it_holds_whoever_asks_at_the_same_time() -> None:
    limit, who = Limit(random_id(), "10/hour", open_without_redis=False), "203.0.113.7"
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: limit.hit(who), range(200)))
    assert answers.count(True) == 10
    assert limit.hit("203.0.113.8")


def test_it_holds_in_all_processes_together() -> None:
    limit = Limit(random_id(), "10/hour", open_without_redis=False)
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        answers = list(pool.map(limit.hit, ["203.0.113.7"] * 100))
    assert answers.count(True) == 10


def test_what_is_given_back_counts_no_more_and_what_is_forgotten_neither() -> None:
    limit, who = Limit(random_id(), "2/hour", open_without_redis=False), "bob"
    assert limit.hit(who)
    limit.give_back(who)
    assert limit.hit(who) and limit.hit(who) and not limit.hit(who)
    limit.forget(who)
    assert limit.hit(who)


def test_it_says_how_long_it_holds() -> None:
    limit = Limit(random_id(), "1/5 minutes", open_without_redis=False)
    assert limit.hit("bob")
    assert 290 < limit.wait_s("bob") <= 300


def test_to_ask_is_not_counted() -> None:
    limit = Limit(random_id(), "1/hour", open_without_redis=False)
    assert all(limit.allows("bob") for _ in range(3))
    assert limit.hit("bob") and not limit.allows("bob") and not limit.hit("bob")


def test_while_redis_is_away_an_open_limit_lets_everybody_through(settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = NOWHERE
    limit = Limit("anything", "1/hour", open_without_redis=True)
    assert all(limit.hit("bob") for _ in range(3)) and limit.allows("bob") and limit.wait_s("bob") == 0


def test_while_redis_is_away_a_closed_limit_says_that_it_cannot_count(settings: Settings) -> None:
    settings.CONTROL_REDIS_URL = NOWHERE
    with pytest.raises(RedisError):
        Limit("anything", "1/hour", open_without_redis=False).hit("bob")


def test_publishers_go_on_while_redis_is_away_and_keys_are_not_made() -> None:
    assert limits.UNKNOWN_KEYS.open_without_redis and not limits.KEYS_MADE.open_without_redis


def test_what_one_address_has_open_is_counted_here() -> None:
    held = PerAddress(most=2)
    with (
        held.one_more("203.0.113.7"),
        held.one_more("203.0.113.7"),
        held.one_more("203.0.113.8"),
        pytest.raises(TooMany),
        held.one_more("203.0.113.7"),
    ):
        pass
    assert not held.open


def test_what_one_address_does_in_a_minute_is_counted_here() -> None:
    beacons = PerMinute(most=2)
    assert [beacons.take("203.0.113.7", now) for now in (0, 1, 2, 59, 60)] == [True, True, False, False, True]
    assert beacons.take("203.0.113.8", 61) and len(beacons.counts) == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache", "key_store")
def test_so_many_keys_an_hour_are_made_and_no_more(client: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEYS_MADE", Limit(random_id(), "2/hour", open_without_redis=False))
    client.force_login(alice)
    answers = [client.post("/dashboard/keys/", {"label": f"key {n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "you made many within the last hour" in text(answers[-1])
    assert len(StreamKey.of_channel(alice.channel.pk)) == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static", "own_cache", "key_store")
def test_keys_that_cannot_be_counted_are_not_made(client: Client, alice: User, settings: Settings) -> None:
    client.force_login(alice)
    settings.CONTROL_REDIS_URL = NOWHERE
    assert "The key was not made" in text(client.post("/dashboard/keys/", {"label": "OBS"}))
    assert not StreamKey.of_channel(alice.channel.pk)
