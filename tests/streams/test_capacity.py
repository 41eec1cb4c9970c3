from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from redis.asyncio import Redis

from accounts.models import Channel
from streams import admission, capacity, health, leases
from streams.documents import StreamKey
from streams.ingest import PublishEvent
from streams.models import Broadcast, Refusal
from streams.refusals import PublishRefused
from tests.broadcasts import broadcast_of
from tests.streams.rig import clean_queue, own_channel, random_id, redis

__all__ = ["clean_queue", "redis"]

MEETING_S = 1
FIVE = ["source", "audio", "360p", "480p", "720p"]


@pytest.fixture(autouse=True)
def own_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running site's encoders are somebody else's."""
    monkeypatch.setattr(capacity, "WORKERS", f"encoders:{random_id()}")


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The slots of each."""
    pool: list[int] = []

    async def slots(redis: Redis) -> int | None:
        return sum(pool) if pool else None

    monkeypatch.setattr(capacity, "slots", slots)
    yield pool


# --- who is there -----------------------------------------------------------------------------------------------------------


async def test_workers_are_counted_while_they_run(redis: Redis) -> None:
    assert await capacity.slots(redis) is None
    leaving = asyncio.Event()
    async with capacity.announced("alpha", 20, asyncio.Event()), capacity.announced("beta", 4, leaving):
        async with asyncio.timeout(5):
            while await capacity.slots(redis) != 24:
                await asyncio.sleep(0.01)
            assert await capacity.slots(redis, but="alpha") == 4
            leaving.set()
            while await capacity.slots(redis) != 20:
                await asyncio.sleep(0.01)
    assert await capacity.slots(redis) is None


async def test_a_worker_that_was_killed_is_forgotten(redis: Redis) -> None:
    [now, _] = await redis.time()
    await redis.zadd(capacity.WORKERS, {"alpha:20": now - capacity.HEARD_S - 1, "beta:4": now})
    assert await capacity.slots(redis) == 4
    await redis.delete(capacity.WORKERS)


# --- what there is room for -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_costliest_renditions_are_left_out_first(workers: list[int], channel: Channel) -> None:
    workers += [4, 4]
    assert capacity.cut(FIVE) == FIVE
    on = broadcast_of(channel, "live", ladder=FIVE)
    assert capacity.cut(FIVE) == ["source", "audio", "360p"]
    leases.claim(on.pk, "720p", "worker")
    leases.withdraw(on.pk, "720p")
    assert capacity.cut(FIVE) == ["source", "audio", "360p", "480p"]
    Broadcast.objects.update(state="ended")
    assert capacity.cut(FIVE) == FIVE


@pytest.mark.django_db
def test_where_no_worker_has_said_anything_nothing_is_cut(workers: list[int]) -> None:
    assert capacity.cut(FIVE) == FIVE


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clean_queue", "key_store")
def test_a_broadcast_gets_what_there_is_room_for_and_the_next_is_told_that_there_is_none(workers: list[int]) -> None:
    workers += [3]
    first, second = own_channel(), own_channel()
    assert publish(first).ladder == ["source", "audio", "360p"]
    with pytest.raises(PublishRefused, match="no_encoder"):
        publish(second)
    assert Refusal.objects.get(channel=second).reason == "no_encoder"
    assert not second.broadcasts.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clean_queue", "key_store")
def test_a_broadcast_for_whose_parts_there_is_no_memory_is_refused_and_one_that_is_on_goes_on(
    workers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = own_channel(), own_channel()
    publish(first)
    monkeypatch.setattr(capacity, "BROADCAST_BYTES", 2**40)
    with pytest.raises(PublishRefused, match="no_memory"):
        publish(second)
    assert Refusal.objects.get(channel=second).reason == "no_memory" and not second.broadcasts.exists()
    assert publish(first, boot="an0ther").epoch == 2


KNOWN = {"width": 1280, "height": 720, "fps": 30, "gop_s": 2, "kbit_s": 2500}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clean_queue", "key_store")
@pytest.mark.parametrize(
    ("profile", "measured", "left_out"),
    [
        (KNOWN, None, ["480p", "720p"]),
        (KNOWN | {"height": 480}, None, ["480p"]),
        (None, None, []),
        (None, KNOWN, ["480p", "720p"]),
        (None, KNOWN | {"height": 480}, ["480p"]),
    ],
)
def test_a_streamer_is_told_for_what_there_was_no_room(
    workers: list[int], profile: dict[str, Any] | None, measured: dict[str, Any] | None, left_out: list[str]
) -> None:
    workers += [3]
    broadcast = publish(own_channel(), profile)
    figures = {"source": measured} if measured else {}
    assert health.cut(broadcast, figures) == left_out
    if profile:
        assert [each for each in health.advice_of(broadcast) if "quality" in each] == [f"cut_quality:{n}" for n in left_out]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("clean_queue", "key_store")
def test_two_that_begin_at_the_same_moment_share_what_there_is_room_for(
    workers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    workers += [5]
    channels, both, count = [own_channel(), own_channel()], threading.Barrier(2), leases.wanted

    def counted_by_both() -> int:
        found = count()
        with suppress(threading.BrokenBarrierError):
            both.wait(MEETING_S)  # whoever is let in alone waits in vain
        return found

    monkeypatch.setattr(leases, "wanted", counted_by_both)
    with ThreadPoolExecutor() as threads:
        begun = [threads.submit(publish_apart, channel) for channel in channels]
    assert sorted(len(each.result()) for each in begun) == [0, 5]


def publish_apart(channel: Channel) -> list[str]:
    """In a thread, with its own connection; the ladder."""
    try:
        return publish(channel).ladder
    except PublishRefused as refused:
        assert refused.reason == "no_encoder"
        return []
    finally:
        connection.close()


def publish(channel: Channel, profile: dict[str, Any] | None = None, boot: str = "b00t") -> Broadcast:
    now = timezone.now()
    key, text = StreamKey.issue(channel.pk, now)
    if profile:
        key.update(set__profile=profile)
    return admission.open(PublishEvent("publish", f"{boot}:{channel.pk}", "live", text, "192.0.2.7"), now)
