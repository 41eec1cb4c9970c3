"""What one process knows of the broadcasts that are being watched, against the real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from streams import logged, segment_cache, subscription, watch
from streams.cache_writer import Writer
from streams.hls.playlist import Constants
from streams.watch import Timeout, Watch, Watches
from tests.log_lines import json_of
from tests.streams.rig import EXPECTED, NOW, begun, broadcast_id, cut, named, part, random_id, redis, until, variant

__all__ = ["broadcast_id", "redis"]

SOON_S = 2.0
CONSTANTS = Constants(3, 0.35)


@pytest.fixture
async def own(broadcast_id: str) -> AsyncIterator[Redis]:
    async with named(broadcast_id) as client:
        yield client


@pytest.fixture
async def watches(own: Redis) -> AsyncIterator[Watches]:
    watches = Watches(own)
    yield watches
    await watches.close()


async def live(redis: Redis, broadcast_id: str) -> dict[str, Writer]:
    """Every rendition has reported and stored a part."""
    writers = {name: await begun(redis, broadcast_id, name) for name in EXPECTED}
    for name, writer in writers.items():
        await writer.init(b"init")
        await writer.report(variant(name), NOW)
    for writer in writers.values():
        await writer.store(part(10, independent=True), b"part", NOW)
    return writers


async def opened(watches: Watches, broadcast_id: str) -> Watch:
    found = await watches.get(broadcast_id)
    assert found is not None
    return found


async def subscriptions(redis: Redis, broadcast_id: str) -> int:
    ((_, count),) = await redis.pubsub_numsub(f"hls:{broadcast_id}")
    return int(count)


# --- opening --------------------------------------------------------------------------------------------------------------


async def test_an_unknown_broadcast_is_none_and_leaves_no_subscription(watches: Watches, redis: Redis) -> None:
    unknown = random_id()
    assert await watches.get(unknown) is None
    assert await subscriptions(redis, unknown) == 0


async def test_many_who_come_at_once_share_one_watch_that_knows_the_broadcast(
    watches: Watches, redis: Redis, broadcast_id: str
) -> None:
    await live(redis, broadcast_id)

    async def known() -> Watch:
        found = await opened(watches, broadcast_id)
        assert found.sealed and found.playable("source")
        return found

    async def later(turns: int) -> Watch:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await known()

    found = await asyncio.gather(*[later(turns) for turns in range(60)])
    assert len(set(map(id, found))) == 1
    assert await subscriptions(redis, broadcast_id) == 1


async def test_a_broadcast_that_could_not_be_opened_is_opened_by_the_next_who_asks(
    watches: Watches, redis: Redis, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(redis, broadcast_id)
    with monkeypatch.context() as patch:
        patch.setattr(Watch, "reload", broken)
        patch.setattr(watch, "OPEN_S", 0.1)
        with pytest.raises(Timeout):
            await watches.get(broadcast_id)
    assert (await opened(watches, broadcast_id)).sealed


async def broken(_: Watch) -> None:
    raise RedisConnectionError("gone")


# --- hearing --------------------------------------------------------------------------------------------------------------


async def test_who_waits_is_woken_by_a_new_part(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    writers = await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    waiting = asyncio.create_task(found.until(lambda: found.timelines["source"].number == 2, SOON_S))
    await asyncio.sleep(0.05)
    assert not waiting.done() and found.waiting == 1
    await writers["source"].store(part(10), b"part", NOW)
    await waiting
    assert found.waiting == 0


async def test_who_waits_in_vain_is_told(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    with pytest.raises(Timeout):
        await found.until(lambda: False, 0.05)
    assert found.waiting == 0


async def test_the_ladder_is_heard_of(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    found = await opened(watches, broadcast_id)
    assert not found.sealed and not found.lists("source")
    await live(redis, broadcast_id)
    await found.until(lambda: found.sealed and found.playable("source"), SOON_S)
    assert found.lists("source") and not found.lists("720p")


async def test_a_list_is_playable_once_it_has_picture_and_sound(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    writers = {name: await begun(redis, broadcast_id, name) for name in EXPECTED}
    for name, writer in writers.items():
        await writer.report(variant(name), NOW)
    found = await opened(watches, broadcast_id)
    await writers["source"].store(part(10), b"part", NOW)
    await found.until(lambda: "source" in found.timelines and found.timelines["source"].started, SOON_S)
    assert not found.playable("source")
    await writers["audio"].store(part(10), b"part", NOW)
    await found.until(lambda: found.playable("source"), SOON_S)


async def test_a_record_that_was_missed_is_read_again(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    writers = await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    found.timelines["source"].number -= 1  # as if the first had not been heard
    found.timelines["source"].segments.clear()
    await writers["source"].store(part(10), b"part", NOW)
    await found.until(lambda: found.timelines["source"].number == 2, SOON_S)
    assert len(found.timelines["source"].segments[-1].parts) == 2


async def test_numbers_that_begin_anew_are_read_again(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    """Redis was emptied, and a new encoder counts from one."""
    writers = await live(redis, broadcast_id)
    for _ in range(5):
        await writers["source"].store(part(10), b"part", NOW)
    found = await opened(watches, broadcast_id)
    await redis.delete(*[f"hls:{{{broadcast_id}}}:source{rest}" for rest in ("", ":timeline")])
    again = await begun(redis, broadcast_id, "source", epoch=2)
    await again.store(part(20, epoch=2), b"part", NOW)
    await found.until(lambda: found.timelines["source"].last_msn == 20, SOON_S)
    assert found.timelines["source"].number == 1


async def test_a_record_of_another_version_stops_nothing(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    writers = await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    with json_of("streams.watch") as written:
        await redis.publish(f"hls:{broadcast_id}", 'source [2,"hologram",1,[]]')
        await writers["source"].store(part(10), b"part", NOW)
        await found.until(lambda: found.timelines["source"].number == 2, SOON_S)
    assert [(line["level"], line["broadcast"]) for line in written.lines] == [("ERROR", broadcast_id)]
    assert "request" not in written.last


async def test_a_line_of_who_listens_is_about_what_it_heard_and_nobody_s_request(
    watches: Watches, redis: Redis, broadcast_id: str, hurried: None
) -> None:
    with json_of("streams.subscription") as written:
        with logged.logged(request="bob", broadcast="another"):
            writers = await live(redis, broadcast_id)
            found = await opened(watches, broadcast_id)
        await redis.publish(f"hls:{broadcast_id}", b"\xff")  # no text at all
        await until(lambda: len(written.lines) == 1)
        assert written.last["broadcast"] == broadcast_id and "UnicodeDecodeError" in written.last["exception"]
        await writers["source"].store(part(10), b"part", NOW)
        await found.until(lambda: found.timelines["source"].number == 2, SOON_S)
        await cut(redis, broadcast_id)
        await until(lambda: len(written.lines) == 2)
        assert "broadcast" not in written.last and "trying again" in written.last["message"]
    assert "request" not in written.lines[0] | written.lines[1]


async def test_a_lost_subscription_is_taken_up_again(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    writers = await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    await cut(redis, broadcast_id)
    await writers["source"].store(part(10), b"part", NOW)
    await found.until(lambda: found.timelines["source"].number == 2, SOON_S)


async def test_the_end_is_heard(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    await segment_cache.end_broadcast(redis, broadcast_id, EXPECTED)
    await found.until(lambda: bool(found.master and found.master.ended), SOON_S)
    assert all(timeline.ended for timeline in found.timelines.values())


# --- the text -------------------------------------------------------------------------------------------------------------


async def test_a_playlist_is_written_once_for_all_who_read_it(watches: Watches, redis: Redis, broadcast_id: str) -> None:
    writers = await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    first = found.text("source", CONSTANTS)
    assert found.text("source", CONSTANTS) is first
    await writers["source"].store(part(10), b"part", NOW)
    await found.until(lambda: found.timelines["source"].number == 2, SOON_S)
    assert found.text("source", CONSTANTS) != first


# --- forgetting -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "QUIET_S", 0.05)
    monkeypatch.setattr(watch, "IDLE_S", 0.2)


async def unsubscribed(redis: Redis, broadcast_id: str) -> None:
    async with asyncio.timeout(SOON_S):
        while await subscriptions(redis, broadcast_id):
            await asyncio.sleep(0.02)


async def test_a_broadcast_that_nobody_watches_is_forgotten(
    watches: Watches, redis: Redis, broadcast_id: str, hurried: None
) -> None:
    await live(redis, broadcast_id)
    before = await opened(watches, broadcast_id)
    await unsubscribed(redis, broadcast_id)
    assert await opened(watches, broadcast_id) is not before
    assert await subscriptions(redis, broadcast_id) == 1


async def test_a_broadcast_that_somebody_waits_for_is_not_forgotten(
    watches: Watches, redis: Redis, broadcast_id: str, hurried: None
) -> None:
    found = await opened(watches, broadcast_id)
    waiting = asyncio.create_task(found.until(lambda: found.sealed, SOON_S))
    await asyncio.sleep(0.5)
    await live(redis, broadcast_id)
    await waiting
    assert await opened(watches, broadcast_id) is found


async def test_a_broadcast_is_not_forgotten_while_it_is_asked_for(
    watches: Watches, redis: Redis, broadcast_id: str, hurried: None
) -> None:
    await live(redis, broadcast_id)
    found = await opened(watches, broadcast_id)
    for _ in range(10):
        await asyncio.sleep(0.05)
        assert await opened(watches, broadcast_id) is found


# --- pages ----------------------------------------------------------------------------------------------------------------


async def test_a_page_that_differs_is_told_at_once(watches: Watches, redis: Redis) -> None:
    name = f"alice_{random_id()}"
    await segment_cache.show(redis, name, {"n": 7, "state": "live"})
    began = time.monotonic()
    assert await watches.page(name, "3", SOON_S) == {"n": 7, "state": "live"}
    assert await watches.page(name, "", SOON_S) == {"n": 7, "state": "live"}
    assert time.monotonic() - began < 0.5


async def test_who_waits_for_a_page_is_woken_by_its_change(watches: Watches, redis: Redis) -> None:
    name = f"alice_{random_id()}"
    waiting = asyncio.create_task(watches.page(name, "0", SOON_S))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await segment_cache.show(redis, name, {"n": 1, "state": "starting"})
    assert await waiting == {"n": 1, "state": "starting"}


async def test_a_page_that_does_not_change_is_told_as_it_is(watches: Watches, redis: Redis) -> None:
    name = f"alice_{random_id()}"
    began = time.monotonic()
    assert await watches.page(name, "0", 0.3) is None
    assert time.monotonic() - began >= 0.3


async def test_a_redis_that_was_emptied_sends_nobody_away(watches: Watches, redis: Redis) -> None:
    name = random_id()
    await segment_cache.show(redis, name, {"id": "1", "n": 7, "state": "live"})
    await redis.delete(f"live:{{{name}}}")
    waiting = asyncio.create_task(watches.page(name, "7", SOON_S))
    await asyncio.sleep(0.1)
    await segment_cache.show(redis, name, {"id": "1", "n": 8, "state": "live"})
    assert await waiting == {"id": "1", "n": 8, "state": "live"}


async def test_every_change_of_a_page_reaches_who_asks_again_and_again(watches: Watches, redis: Redis, hurried: None) -> None:
    name = f"alice_{random_id()}"
    seen: list[int] = []
    after = "0"

    async def look() -> None:
        nonlocal after
        while len(seen) < 10:
            page = await watches.page(name, after, SOON_S)
            assert page is not None and str(page["n"]) != after
            seen.append(page["n"])
            after = str(page["n"])

    looking = asyncio.create_task(look())
    for n in range(1, 11):
        await asyncio.sleep(0.03)
        await segment_cache.show(redis, name, {"n": n, "state": f"state {n}"})
        async with asyncio.timeout(0.5):
            while len(seen) < n:
                await asyncio.sleep(0.001)
    await looking
    assert seen == list(range(1, 11))
