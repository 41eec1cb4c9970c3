"""The scripts run in the real Redis; their time is given."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from streams import segment_cache
from streams.cache_scripts import TTL_S
from streams.cache_writer import Forgotten, Writer
from streams.hls.timeline import End, decode
from tests.streams.rig import EXPECTED, NOW, begun, broadcast_id, flush, opening, part, random_id, redis, sealed, variant

__all__ = ["broadcast_id", "redis"]


# --- what is announced, and how long it is kept ---------------------------------------------------------------------------


async def test_each_record_is_announced_as_it_was_stored(redis: Redis, broadcast_id: str) -> None:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(f"hls:{broadcast_id}")
        writer = await begun(redis, broadcast_id, "source")
        await writer.store(part(10), b"one", NOW)
        await segment_cache.end_broadcast(redis, broadcast_id, EXPECTED)
        heard = [text async for text in messages(pubsub, 3)]
    *records, end = [text.partition(" ") for text in heard]
    assert [name for name, _, _ in records] == ["source", "source"] and end[0] == "end"
    assert [decode(text) for _, _, text in records] == await segment_cache.timeline(redis, broadcast_id, "source")


async def messages(pubsub: PubSub, count: int) -> AsyncIterator[str]:
    while count:
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=2)
        if message is not None:
            count -= 1
            yield message["data"].decode()


async def test_parts_live_shorter_than_all_else_so_that_they_are_evicted_first(redis: Redis, broadcast_id: str) -> None:
    writer = await begun(redis, broadcast_id, "source")
    await writer.init(b"init")
    await writer.boundary(0, 0, NOW)
    await writer.store(part(10), b"one", NOW)
    await writer.report(variant("source"), NOW)
    await writer.measured({"fps": 25})
    await segment_cache.show(redis, broadcast_id, {"n": 1})
    ttls = {key.decode(): await redis.ttl(key) async for key in redis.scan_iter(match=f"*{{{broadcast_id}}}*", count=1000)}
    parts = {key for key in ttls if ":part:" in key}
    assert len(parts) == 1 and len(ttls) == 8
    assert 0 < max(ttls[key] for key in parts) < min(ttl for key, ttl in ttls.items() if key not in parts)


async def fill(redis: Redis, broadcast_id: str) -> Writer:
    writer = await begun(redis, broadcast_id, "360p")
    for write in WRITES[:-1]:
        await write(writer)
    return writer


WRITES: list[Callable[[Writer], Awaitable[object]]] = [
    lambda writer: writer.begin(opening(writer.broadcast_id)),
    lambda writer: writer.init(b"init"),
    lambda writer: writer.report(variant("360p"), NOW),
    lambda writer: writer.boundary(0, 1000, NOW),
    lambda writer: writer.era(0, 500_000, NOW),
    lambda writer: writer.reshape(NOW),
    lambda writer: writer.store(part(10), b"part", NOW),
    lambda writer: segment_cache.resume_broadcast(writer.redis, writer.broadcast_id, NOW),
    lambda writer: writer.measured({"kbit_s": 900}),
    lambda writer: writer.note({"kbit_s": 900}),
    lambda writer: segment_cache.list_again(writer.redis, writer.broadcast_id, "480p"),
    lambda writer: segment_cache.keep_thumbnail(writer.redis, writer.broadcast_id, b"picture"),
    lambda writer: segment_cache.keep_parts(writer.redis, writer.broadcast_id, ["360p"], 90),
    lambda writer: writer.offer(),
    lambda writer: segment_cache.end_broadcast(writer.redis, writer.broadcast_id, ["360p"]),
]


@pytest.mark.parametrize("write", WRITES)
async def test_no_key_stays_for_ever_though_its_writer_is_killed(
    redis: Redis, broadcast_id: str, write: Callable[[Writer], Awaitable[object]]
) -> None:
    """Also where another key has been evicted before its time."""
    await fill(redis, broadcast_id)
    names = await redis.keys(f"*{{{broadcast_id}}}*")
    assert len(names) == 9
    for name in names:
        await flush(redis, broadcast_id)
        writer = await fill(redis, broadcast_id)
        await redis.delete(name)
        with suppress(Forgotten):
            await write(writer)
        assert [key for key in await redis.keys(f"*{{{broadcast_id}}}*") if not 0 < await redis.ttl(key) <= TTL_S] == []


# --- the end, the page ----------------------------------------------------------------------------------------------------


async def test_an_end_closes_every_playlist_that_had_begun(redis: Redis, broadcast_id: str) -> None:
    writers = [await begun(redis, broadcast_id, name) for name in ("source", "360p")]
    for writer in writers:
        await writer.store(part(10), b"one", NOW)
    await segment_cache.end_broadcast(redis, broadcast_id, EXPECTED)
    for name in ("source", "360p"):
        assert (await segment_cache.timeline(redis, broadcast_id, name))[-1] == End(2)
    assert await segment_cache.timeline(redis, broadcast_id, "audio") == []
    assert (await sealed(redis, broadcast_id)).ended


async def test_measurements_are_kept_by_rendition(redis: Redis, broadcast_id: str) -> None:
    await (await begun(redis, broadcast_id, "source")).measured({"fps": 25})
    await (await begun(redis, broadcast_id, "audio")).measured({"codec": "mp4a.40.2"})
    figures = await segment_cache.measurements(redis, broadcast_id)
    assert figures == {"source": {"fps": 25}, "audio": {"codec": "mp4a.40.2"}}


async def test_a_page_is_shown_and_announced(redis: Redis) -> None:
    name = f"alice_{random_id()}"
    assert await segment_cache.shown(redis, name) is None
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(f"live:{name}")
        await segment_cache.show(redis, name, {"n": 1, "state": "live"})
        assert [text async for text in messages(pubsub, 1)] == ['{"n": 1, "state": "live"}']
    assert await segment_cache.shown(redis, name) == {"n": 1, "state": "live"}


async def test_of_many_broadcasts_is_read_at_once_what_is_shown_and_when_their_pictures_came(
    redis: Redis, broadcast_id: str
) -> None:
    name, other = f"alice_{random_id()}", random_id()
    await (await begun(redis, broadcast_id, "source")).store(part(10), b"one", NOW)
    await segment_cache.show(redis, name, {"n": 1, "state": "live"})
    found = await segment_cache.looks(redis, [(broadcast_id, name), (other, f"bob_{other}")])
    assert found == [({"n": 1, "state": "live"}, NOW), (None, None)]
    assert await segment_cache.looks(redis, []) == []


async def test_the_end_is_the_last_word_about_a_broadcast(redis: Redis) -> None:
    name = f"alice_{random_id()}"
    live, ended = {"id": "one", "state": "live"}, {"id": "one", "state": "ended", "over": True}
    for page in (live | {"n": 1_795_379_471_616}, ended | {"n": 1_795_379_471_000}, live | {"n": 1_795_379_472_000}):
        await segment_cache.show(redis, name, page)
    assert await segment_cache.shown(redis, name) == ended | {"n": 1_795_379_471_617}


async def test_a_late_word_does_not_hide_a_newer_page(redis: Redis) -> None:
    name = f"alice_{random_id()}"
    for page in ({"n": 2, "id": "second"}, {"n": 1, "id": "first"}):
        await segment_cache.show(redis, name, page)
    assert await segment_cache.shown(redis, name) == {"n": 2, "id": "second"}


async def test_an_unknown_broadcast_is_nothing(redis: Redis) -> None:
    assert await segment_cache.master(redis, random_id()) is None
    assert await segment_cache.clock(redis, random_id()) is None
