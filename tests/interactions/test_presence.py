from __future__ import annotations

import datetime as dt
import time

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from redis import Redis

from accounts.models import Channel
from interactions import jobs
from interactions.room_log import ALIVE_MS
from streams.documents import Audience
from tests.broadcasts import broadcast_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("key_store")]
HERE = "chat:{alice}:here"


def in_room(control: Redis, process: str, count: int, ago_ms: int = 0) -> None:
    control.hset(HERE, process, f"{count} {int(time.time() * 1000) - ago_ms}")


def test_the_most_people_in_the_room_are_kept_for_each_minute_of_a_broadcast(channel: Channel, control: Redis) -> None:
    broadcast = broadcast_of(channel, "live", started_at=timezone.now() - dt.timedelta(minutes=62, seconds=30))
    in_room(control, "one", 5)
    in_room(control, "two", 2)
    in_room(control, "dead", 100, ago_ms=ALIVE_MS + 1000)
    async_to_sync(jobs.count_rooms.func)()
    in_room(control, "one", 1)
    async_to_sync(jobs.count_rooms.func)()
    assert Audience.of(broadcast.pk, 1) == {2: {"room": 7}}
    assert Audience.of(broadcast.pk, 0) == {}


def test_a_broadcast_that_is_over_is_not_counted(channel: Channel, control: Redis) -> None:
    broadcast = broadcast_of(channel, "ended", started_at=timezone.now(), ended_at=timezone.now())
    in_room(control, "one", 5)
    async_to_sync(jobs.count_rooms.func)()
    assert Audience.of(broadcast.pk, 0) == {}
