from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone
from redis import Redis

from accounts.models import Channel, User
from interactions import heat, jobs, room_log
from interactions.documents import ReactionHeat
from streams.models import Broadcast
from tests.broadcasts import broadcast_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("key_store")]
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECOND = int(START.timestamp())
KEY = "chat:{alice}:heat"


@pytest.fixture
def broadcast(channel: Channel) -> Broadcast:
    return broadcast_of(channel, "live", started_at=START)


def tap(control: Redis, second: int, emoji: str, count: int = 1) -> None:
    control.hincrby(KEY, f"{SECOND + second}:{emoji}", count)


def run(write: Callable[[str, heat.Counts], None] = heat.store) -> None:
    async def drain() -> None:
        async with room_log.connect() as redis:
            await heat.drain(redis, "alice", sync_to_async(write))

    async_to_sync(drain)()


def test_taps_are_counted_by_second_of_the_broadcast_and_hour(broadcast: Broadcast, control: Redis) -> None:
    tap(control, 7, "👍", 3)
    tap(control, 7, "❤️", 1)
    tap(control, 3605, "👍", 2)
    run()
    tap(control, 7, "👍", 4)
    run()
    assert ReactionHeat.of(broadcast.pk, 0) == {7: {"👍": 7, "❤️": 1}}
    assert ReactionHeat.of(broadcast.pk, 1) == {5: {"👍": 2}}
    assert not control.exists(KEY, f"{KEY}:draining")


def test_each_broadcast_has_its_own(broadcast: Broadcast, channel: Channel, control: Redis) -> None:
    Broadcast.objects.filter(pk=broadcast.pk).update(state="ended", ended_at=START + dt.timedelta(seconds=60))
    second = broadcast_of(channel, "live", started_at=START + dt.timedelta(seconds=100))
    for at in (59, 80, 103):
        tap(control, at, "👍")
    run()
    assert ReactionHeat.of(broadcast.pk, 0) == {59: {"👍": 1}}
    assert ReactionHeat.of(second.pk, 0) == {3: {"👍": 1}}


def test_what_could_not_be_written_is_written_the_next_time(broadcast: Broadcast, control: Redis) -> None:
    def away(room: str, counts: heat.Counts) -> None:
        raise ConnectionError

    tap(control, 1, "👍")
    with pytest.raises(ConnectionError):
        run(away)
    tap(control, 1, "👍", 5)
    run()
    run()
    assert ReactionHeat.of(broadcast.pk, 0) == {1: {"👍": 6}}


def test_there_may_be_nothing(broadcast: Broadcast, control: Redis) -> None:
    run()
    assert ReactionHeat.of(broadcast.pk, 0) == {}


def test_it_looks_where_somebody_is_or_was_live(channel: Channel, bob: User, mallory: User) -> None:
    now = timezone.now()
    broadcast_of(channel, "live")
    broadcast_of(bob.channel, "ended", ended_at=now - dt.timedelta(minutes=59))
    broadcast_of(mallory.channel, "ended", ended_at=now - dt.timedelta(minutes=61))
    assert sorted(heat.rooms(now)) == ["alice", "bob"]


def test_the_job_drains_every_room(broadcast: Broadcast, control: Redis) -> None:
    tap(control, 1, "👍")
    async_to_sync(jobs.drain_heat.func)()
    assert ReactionHeat.of(broadcast.pk, 0) == {1: {"👍": 1}}


@pytest.mark.usefixtures("dead_key_store")
def test_without_mongodb_the_counts_wait(broadcast: Broadcast, control: Redis) -> None:
    tap(control, 1, "👍")
    async_to_sync(jobs.drain_heat.func)()
    assert control.hgetall(f"{KEY}:draining") != {}
