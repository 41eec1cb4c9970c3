"""The origin as an ASGI application on the real Redis, asked as a player asks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable

import httpx
import m3u8
import pytest
from httpx import AsyncClient, Response
from pytest_django import Settings
from redis.asyncio import Redis

from streams import logged, origin, segment_cache
from streams.addresses import PerAddress, PerMinute
from streams.audience import ADDRESS_VIEWERS
from streams.cache_writer import Writer
from streams.origin import Origin
from streams.segment_cache import PART_TTL_S
from tests.log_lines import json_of
from tests.streams.rig import EXPECTED, NOW, begun, broadcast_id, part, random_id, redis, variant

__all__ = ["broadcast_id", "redis"]

SOON_S = 2.0
TARGET_S = 3
SECRET = "f00d" * 8
SECRETS = {"Cookie": f"sessionid={SECRET}", "Authorization": f"Bearer {SECRET}"}


@pytest.fixture
async def app() -> AsyncIterator[Origin]:
    app = Origin()
    yield app
    if app._watches:
        await app._watches.close()
        await app._watches.redis.aclose()


@pytest.fixture
async def player(app: Origin) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=httpx.ASGITransport(app), base_url="http://origin") as client:
        yield client


@pytest.fixture
async def live(redis: Redis, broadcast_id: str) -> dict[str, Writer]:
    """Every rendition has reported, and has one whole segment and a part of the next."""
    writers = {name: await begun(redis, broadcast_id, name) for name in EXPECTED}
    for name, writer in writers.items():
        await writer.init(f"init of {name};".encode())
        await writer.report(variant(name), NOW)
    for writer in writers.values():
        for number in range(7):
            await store(writer, number)
    return writers


async def store(writer: Writer, number: int) -> None:
    """The part of this number, counted from 0: six to a segment."""
    record = part(10 + number // 6, NOW + number * 333, independent=number % 6 == 0, epoch=writer.epoch)
    await writer.store(record, f"part {number};".encode(), NOW)


async def at_once(asking: Awaitable[Response]) -> Response:
    began = time.monotonic()
    answer = await asking
    assert time.monotonic() - began < 0.8
    return answer


async def held(player: AsyncClient, path: str) -> asyncio.Task[Response]:
    """A request that is not answered yet."""
    asking = asyncio.create_task(player.get(path))
    await asyncio.wait([asking], timeout=0.2)
    assert not asking.done(), asking.result().text
    return asking


# --- playlists ------------------------------------------------------------------------------------------------------------


async def test_the_master_names_every_rendition(player: AsyncClient, live: object, broadcast_id: str) -> None:
    answer = await player.get(f"/hls/{broadcast_id}/master.m3u8")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["cache-control"] == "public, max-age=5" and answer.headers["access-control-allow-origin"] == "*"
    found = m3u8.loads(answer.text)
    assert [p.uri for p in found.playlists] == ["source/playlist.m3u8", "360p/playlist.m3u8", "audio/playlist.m3u8"]
    assert [media.uri for media in found.media] == ["audio/playlist.m3u8"]


async def test_a_playlist_lists_what_can_be_fetched(player: AsyncClient, live: object, broadcast_id: str) -> None:
    folder = f"/hls/{broadcast_id}/source/"
    answer = await player.get(folder + "playlist.m3u8")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "max-age=0, no-cache"
    found = m3u8.loads(answer.text)
    (whole,) = [segment for segment in found.segments if not segment.gap_tag and segment.uri]
    assert (await player.get(folder + whole.init_section.uri)).text == "init of source;"
    assert (await player.get(folder + whole.uri)).text == "".join(f"part {n};" for n in range(6))
    assert [(await player.get(folder + p.uri)).text for p in whole.parts] == [f"part {n};" for n in range(6)]


@pytest.mark.parametrize(("rendition", "kind"), [("source", "video/mp4"), ("audio", "audio/mp4")])
@pytest.mark.parametrize("name", ["i1.mp4", "s10.mp4", "p1-1.mp4"])
async def test_media_never_changes_and_says_so(
    player: AsyncClient, live: object, broadcast_id: str, rendition: str, kind: str, name: str
) -> None:
    answer = await player.get(f"/hls/{broadcast_id}/{rendition}/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["cache-control"] == f"public, max-age={PART_TTL_S}, immutable"


async def test_head_says_what_get_would(player: AsyncClient, live: object, broadcast_id: str) -> None:
    for path in ("master.m3u8", "source/playlist.m3u8", "source/s10.mp4", "source/s99.mp4"):
        head, get = [await player.request(method, f"/hls/{broadcast_id}/{path}") for method in ("HEAD", "GET")]
        assert head.content == b"" and (head.status_code, head.headers) == (get.status_code, get.headers)
        assert int(head.headers["content-length"]) == len(get.content) > 0


# --- blocking -------------------------------------------------------------------------------------------------------------


async def test_a_reload_is_held_until_its_part_exists(player: AsyncClient, live: dict[str, Writer], broadcast_id: str) -> None:
    path = f"/hls/{broadcast_id}/source/playlist.m3u8?_HLS_msn=11&_HLS_part="
    known = await at_once(player.get(path + "0"))
    assert known.headers["cache-control"] == f"public, max-age={6 * TARGET_S}"
    asking = await held(player, path + "1")
    await store(live["source"], 7)
    answer = await at_once(asking)
    assert answer.status_code == 200 and 'URI="p1-8.mp4"' in answer.text and 'URI="p1-9.mp4"' in answer.text
    assert answer.headers["cache-control"] == f"public, max-age={6 * TARGET_S}"


async def test_a_reload_of_a_segment_is_held_until_it_is_whole(
    player: AsyncClient, live: dict[str, Writer], broadcast_id: str
) -> None:
    asking = await held(player, f"/hls/{broadcast_id}/source/playlist.m3u8?_HLS_msn=11")
    for number in range(7, 13):
        await store(live["source"], number)
    assert "s11.mp4" in (await at_once(asking)).text


async def test_one_part_wakes_all_who_wait_with_the_same_text(
    player: AsyncClient, live: dict[str, Writer], broadcast_id: str
) -> None:
    path = f"/hls/{broadcast_id}/source/playlist.m3u8?_HLS_msn=11&_HLS_part=1"
    waiting = [await held(player, path), *[asyncio.create_task(player.get(path)) for _ in range(50)]]
    await asyncio.sleep(0.1)
    await store(live["source"], 7)
    answers = {(await asking).text for asking in waiting}
    assert len(answers) == 1


async def test_the_part_that_was_hinted_at_is_held_until_it_exists(
    player: AsyncClient, live: dict[str, Writer], broadcast_id: str
) -> None:
    folder = f"/hls/{broadcast_id}/source/"
    assert 'EXT-X-PRELOAD-HINT:TYPE=PART,URI="p1-8.mp4"' in (await player.get(folder + "playlist.m3u8")).text
    asking = await held(player, folder + "p1-8.mp4")
    await store(live["source"], 7)
    answer = await at_once(asking)
    assert (answer.status_code, answer.text) == (200, "part 7;")
    assert (await at_once(player.get(folder + "p1-11.mp4"))).status_code == 404


async def test_a_part_that_another_process_has_hinted_at_by_now_is_held_as_well(
    player: AsyncClient, live: dict[str, Writer], broadcast_id: str
) -> None:
    asking = await held(player, f"/hls/{broadcast_id}/source/p1-9.mp4")
    await store(live["source"], 7)
    await store(live["source"], 8)
    assert (await at_once(asking)).text == "part 8;"


async def test_a_hinted_part_that_a_successor_replaced_is_not_there(
    player: AsyncClient, live: object, redis: Redis, broadcast_id: str
) -> None:
    asking = await held(player, f"/hls/{broadcast_id}/source/p1-8.mp4")
    await store(await begun(redis, broadcast_id, "source", epoch=2), 7)
    assert (await at_once(asking)).status_code == 404
    assert (await player.get(f"/hls/{broadcast_id}/source/p2-8.mp4")).text == "part 7;"


async def test_who_waits_too_long_is_told_to_try_again(
    player: AsyncClient, live: object, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "TARGETS_BLOCKED", 0.1)
    for path in ("playlist.m3u8?_HLS_msn=11&_HLS_part=1", "p1-8.mp4"):
        answer = await player.get(f"/hls/{broadcast_id}/source/{path}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["cache-control"] == "no-store, max-age=0"


async def test_who_finds_too_many_waiting_is_told_to_try_again(
    player: AsyncClient, app: Origin, live: object, broadcast_id: str
) -> None:
    app.watches._room = asyncio.Semaphore(1)
    waiting = await held(player, f"/hls/{broadcast_id}/source/p1-8.mp4")
    for path in ("playlist.m3u8?_HLS_msn=11&_HLS_part=1", "p1-8.mp4"):
        answer = await at_once(player.get(f"/hls/{broadcast_id}/source/{path}"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await at_once(player.get(f"/hls/{broadcast_id}/source/playlist.m3u8"))).status_code == 200
    waiting.cancel()
    await asyncio.wait([waiting])
    await held(player, f"/hls/{broadcast_id}/source/p1-8.mp4")


async def test_an_old_number_gets_the_list_as_it_is_now(player: AsyncClient, live: object, broadcast_id: str) -> None:
    answer = await at_once(player.get(f"/hls/{broadcast_id}/source/playlist.m3u8?_HLS_msn=2&_HLS_part=3"))
    assert answer.status_code == 200 and "p1-7.mp4" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_msn=14",
        "_HLS_msn=999999999",
        "_HLS_msn=11&_HLS_part=500",
        "_HLS_part=1",
        "_HLS_msn=-1",
        "_HLS_msn=1e9",
        "_HLS_skip=maybe",
    ],
)
async def test_an_absurd_question_is_refused_at_once(player: AsyncClient, live: object, broadcast_id: str, query: str) -> None:
    answer = await at_once(player.get(f"/hls/{broadcast_id}/source/playlist.m3u8?{query}"))
    assert answer.status_code == 400 and answer.headers["cache-control"] == "no-store, max-age=0"
    assert answer.text.endswith(".\n")


async def test_a_delta_update_leaves_out_what_lies_far_back(
    player: AsyncClient, live: dict[str, Writer], broadcast_id: str
) -> None:
    for number in range(7, 31):
        await store(live["source"], number)
    path = f"/hls/{broadcast_id}/source/playlist.m3u8?_HLS_msn=15&_HLS_part=0"
    whole, delta = await player.get(path), await player.get(path + "&_HLS_skip=YES")
    assert "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n" in delta.text and "EXT-X-SKIP" not in whole.text
    assert delta.text.endswith(whole.text[whole.text.index("#EXT-X-PART:") :])


async def test_each_playlist_reports_how_far_the_others_have_got(
    player: AsyncClient, live: dict[str, Writer], broadcast_id: str
) -> None:
    await store(live["audio"], 7)
    await store(live["source"], 7)
    text = (await player.get(f"/hls/{broadcast_id}/source/playlist.m3u8?_HLS_msn=11&_HLS_part=1")).text
    reports = {r.uri: (r.last_msn, r.last_part) for r in m3u8.loads(text).rendition_reports}
    assert reports == {"../360p/playlist.m3u8": (11, 0), "../audio/playlist.m3u8": (11, 1)}


# --- the start ------------------------------------------------------------------------------------------------------------


async def test_the_first_answers_wait_until_there_is_picture_and_sound(
    player: AsyncClient, redis: Redis, broadcast_id: str
) -> None:
    master = await held(player, f"/hls/{broadcast_id}/master.m3u8")
    media = await held(player, f"/hls/{broadcast_id}/source/playlist.m3u8")
    writers = {name: await begun(redis, broadcast_id, name) for name in EXPECTED}
    for name, writer in writers.items():
        await writer.report(variant(name), NOW)
    assert (await at_once(master)).status_code == 200
    await store(writers["source"], 0)
    await asyncio.wait([media], timeout=0.1)
    assert not media.done()
    await store(writers["audio"], 0)
    assert "p1-1.mp4" in (await at_once(media)).text


async def test_a_broadcast_that_does_not_start_is_not_ready(
    player: AsyncClient, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "START_S", 0.1)
    assert (await player.get(f"/hls/{broadcast_id}/master.m3u8")).status_code == 503
    assert (await player.get(f"/hls/{broadcast_id}/source/playlist.m3u8")).status_code == 503


# --- the end --------------------------------------------------------------------------------------------------------------


async def test_the_end_closes_the_list_and_wakes_who_waits(
    player: AsyncClient, live: object, redis: Redis, broadcast_id: str
) -> None:
    folder = f"/hls/{broadcast_id}/source/"
    reload = await held(player, folder + "playlist.m3u8?_HLS_msn=11&_HLS_part=1")
    hinted = await held(player, folder + "p1-8.mp4")
    await segment_cache.end_broadcast(redis, broadcast_id, EXPECTED)
    text = (await at_once(reload)).text
    assert text.rstrip().endswith("#EXT-X-ENDLIST") and "PRELOAD-HINT" not in text and "s11.mp4" in text
    assert (await at_once(hinted)).status_code == 404
    assert (await at_once(player.get(folder + "playlist.m3u8?_HLS_msn=500"))).text == text
    assert (await player.get(folder + "s11.mp4")).text == "part 6;"


async def test_a_broadcast_that_ended_before_it_began_is_not_there(
    player: AsyncClient, redis: Redis, broadcast_id: str
) -> None:
    asking = await held(player, f"/hls/{broadcast_id}/master.m3u8")
    await segment_cache.end_broadcast(redis, broadcast_id, EXPECTED)
    assert (await at_once(asking)).status_code == 404
    assert (await at_once(player.get(f"/hls/{broadcast_id}/source/playlist.m3u8"))).status_code == 404


# --- what is not there ----------------------------------------------------------------------------------------------------


async def test_who_waits_for_a_rendition_that_leaves_is_told_at_once(player: AsyncClient, live: dict[str, Writer]) -> None:
    """So that the player changes to another before it runs dry."""
    base = f"/hls/{live['source'].broadcast_id}/source/playlist.m3u8"
    asking = await held(player, f"{base}?_HLS_msn=11&_HLS_part=1")
    await live["source"].report(None, NOW)
    assert (await at_once(asking)).status_code == 404


async def test_a_broadcast_that_redis_has_forgotten_is_to_be_asked_for_again(
    player: AsyncClient, live: dict[str, Writer], redis: Redis
) -> None:
    """As after a restart: a player that is told 404 gives up, and its encoders are about to begin anew."""
    broadcast_id = live["source"].broadcast_id
    base = f"/hls/{broadcast_id}/source/playlist.m3u8"
    asking = await held(player, f"{base}?_HLS_msn=11&_HLS_part=1")
    await redis.delete(*await redis.keys(f"hls:{{{broadcast_id}}}:*"))
    await redis.publish(f"hls:{broadcast_id}", "master")
    for answer in (await at_once(asking), await at_once(player.get(base))):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_an_unknown_broadcast_is_not_there_and_leaves_no_trace(player: AsyncClient, app: Origin, redis: Redis) -> None:
    unknown = random_id()
    for path in ("master.m3u8", "source/playlist.m3u8?_HLS_msn=1", "source/s10.mp4", "source/p1-1.mp4"):
        answer = await at_once(player.get(f"/hls/{unknown}/{path}"))
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store, max-age=0")
    assert await redis.pubsub_numsub(f"hls:{unknown}") == [(f"hls:{unknown}".encode(), 0)]
    assert app.watches._watches == {} and app.watches._opening == {}


@pytest.mark.parametrize(
    "path",
    [
        "nosuch/playlist.m3u8",
        "720p/playlist.m3u8",
        "source/s9.mp4",
        "source/s11.mp4",
        "source/s12.mp4",
        "source/p1-99.mp4",
        "source/p9-1.mp4",
        "source/i2.mp4",
        "source/gap.mp4",
        "source/s1-1.mp4",
        "source/p1.mp4",
        "source/",
        "../",
        "",
    ],
)
async def test_what_does_not_exist_is_not_there(player: AsyncClient, live: object, broadcast_id: str, path: str) -> None:
    answer = await at_once(player.get(f"/hls/{broadcast_id}/{path}"))
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store, max-age=0")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_written(player: AsyncClient, broadcast_id: str, method: str) -> None:
    answer = await player.request(method, f"/hls/{broadcast_id}/master.m3u8")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_without_redis_it_says_try_again(player: AsyncClient, settings: Settings, broadcast_id: str) -> None:
    settings.SEGMENTS_REDIS_URL = "redis://127.0.0.1:1/0"
    for path in (f"/hls/{broadcast_id}/master.m3u8", "/live/alice.m3u8", "/live/alice/state"):
        assert (await player.get(path)).status_code == 503


@pytest.mark.parametrize(
    ("path", "about"), [("/hls/{id}/master.m3u8", {"broadcast": "{id}"}), ("/live/alice/state", {"channel": "alice"})]
)
async def test_a_line_says_which_request_it_is_of_and_so_does_the_answer(
    player: AsyncClient, settings: Settings, broadcast_id: str, path: str, about: dict[str, str]
) -> None:
    settings.SEGMENTS_REDIS_URL = "redis://127.0.0.1:1/0"
    with json_of("streams.origin") as written:
        answers = [await player.get(path.format(id=broadcast_id), headers=SECRETS) for _ in range(2)]
    assert [line["request"] for line in written.lines] == [answer.headers["x-request-id"] for answer in answers]
    assert len({line["request"] for line in written.lines}) == 2
    for name, value in about.items():
        assert [line[name] for line in written.lines] == [value.format(id=broadcast_id)] * 2
    assert SECRET not in written.text


async def test_what_the_server_says_of_a_request_that_failed_names_it(
    player: AsyncClient, app: Origin, broadcast_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(app, "answer", broken)
    with json_of("uvicorn.error") as written:
        try:
            await player.get(f"/hls/{broadcast_id}/master.m3u8?secret={SECRET}", headers=SECRETS)
        except ArithmeticError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")  # in the request's own task
    assert written.last["broadcast"] == broadcast_id and len(written.last["request"]) == 16
    assert "ArithmeticError" in written.last["exception"] and SECRET not in written.text


async def test_who_is_answered_is_not_named(player: AsyncClient, live: object, broadcast_id: str) -> None:
    with json_of("streams.origin"):
        answer = await player.get(f"/hls/{broadcast_id}/master.m3u8")
        assert answer.status_code == 200 and "x-request-id" not in answer.headers
        assert dict(logged.about()) == {}


async def test_a_part_that_redis_evicted_is_not_there(
    player: AsyncClient, live: object, redis: Redis, broadcast_id: str
) -> None:
    await redis.delete(f"hls:{{{broadcast_id}}}:source:part:1-3")
    assert (await player.get(f"/hls/{broadcast_id}/source/s10.mp4")).status_code == 404


# --- the channel's page ---------------------------------------------------------------------------------------------------


@pytest.fixture
def channel() -> str:
    return f"alice_{random_id()}"


@pytest.mark.parametrize("state", ["starting", "live", "reconnecting"])
async def test_a_channels_address_leads_to_what_is_live(player: AsyncClient, redis: Redis, channel: str, state: str) -> None:
    await segment_cache.show(redis, channel, {"n": 1, "state": state, "playlist": "/hls/x/master.m3u8"})
    answer = await player.get(f"/live/{channel}.m3u8")
    assert (answer.status_code, answer.headers["location"]) == (302, "/hls/x/master.m3u8")
    assert answer.headers["cache-control"] == "max-age=0, no-cache"


@pytest.mark.parametrize("state", [None, "ended", "failed", "refused"])
async def test_a_channel_that_is_not_live_has_no_playlist(
    player: AsyncClient, redis: Redis, channel: str, state: str | None
) -> None:
    if state:
        await segment_cache.show(redis, channel, {"n": 1, "state": state, "playlist": "/hls/x/master.m3u8"})
    assert (await at_once(player.get(f"/live/{channel}.m3u8"))).status_code == 404


async def test_a_state_is_held_until_it_changes(player: AsyncClient, redis: Redis, channel: str) -> None:
    offline = await at_once(player.get(f"/live/{channel}/state"))
    assert (offline.status_code, offline.json()) == (200, {"n": 0, "state": "offline"})
    asking = await held(player, f"/live/{channel}/state?after=0")
    await segment_cache.show(redis, channel, {"n": 5, "state": "starting"})
    answer = await at_once(asking)
    assert answer.json() == {"n": 5, "state": "starting"} and answer.headers["content-type"] == "application/json"
    assert (await at_once(player.get(f"/live/{channel}/state?after=0"))).json()["n"] == 5


async def test_a_state_that_does_not_change_is_told_after_a_while(
    player: AsyncClient, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "STATE_S", 0.2)
    assert (await player.get(f"/live/{channel}/state?after=0")).json() == {"n": 0, "state": "offline"}


async def test_who_finds_too_many_waiting_for_a_change_is_told_the_state_as_it_is(
    player: AsyncClient, app: Origin, channel: str
) -> None:
    app.watches._pages_room = asyncio.Semaphore(1)
    waiting = await held(player, f"/live/{channel}/state?after=0")
    assert (await at_once(player.get(f"/live/{channel}_2/state?after=0"))).json() == {"n": 0, "state": "offline"}
    waiting.cancel()
    await asyncio.wait([waiting])
    await held(player, f"/live/{channel}_2/state?after=0")


@pytest.mark.parametrize("path", ["/live/", "/live/AL.m3u8", "/live/alice", "/live/alice/", "/live/a%2fb/state", "/else"])
async def test_no_other_address_is_known(player: AsyncClient, path: str) -> None:
    assert (await at_once(player.get(path))).status_code == 404


# --- who watches ----------------------------------------------------------------------------------------------------------

VIEWER = {"viewer": "0123456789abcdef", "rendition": "360p"}


async def on_page(redis: Redis, channel: str, broadcast_id: str, state: str = "live") -> None:
    await segment_cache.show(redis, channel, {"n": 1, "state": state, "id": broadcast_id})


async def test_a_beacon_is_counted_and_answered_with_the_count(
    player: AsyncClient, redis: Redis, live: object, channel: str, broadcast_id: str
) -> None:
    await on_page(redis, channel, broadcast_id)
    none = await player.get(f"/live/{channel}/viewers")
    assert none.json() == {"viewers": 0} and none.headers["cache-control"] == "public, max-age=5"
    answer = await player.post(f"/hls/{broadcast_id}/beacon", json=VIEWER)
    assert answer.json() == {"viewers": 1} and answer.headers["cache-control"] == "no-store"
    assert (await player.get(f"/live/{channel}/viewers")).json() == {"viewers": 1}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{}", 400, "viewer is missing"),
        (b"x" * 100_000, 400, "bytes at most"),
        (b'{"viewer": "0123456789abcdef", "rendition": "8k"}', 400, "no such rendition"),
    ],
)
async def test_a_beacon_that_says_something_else_is_refused_in_words(
    player: AsyncClient, live: object, broadcast_id: str, body: bytes, status: int, words: str
) -> None:
    answer = await player.post(f"/hls/{broadcast_id}/beacon", content=body)
    assert answer.status_code == status and words in answer.text


async def test_another_site_s_page_tells_nothing(player: AsyncClient, live: object, broadcast_id: str) -> None:
    for where, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        told = await player.post(f"/hls/{broadcast_id}/beacon", json=VIEWER, headers={"Sec-Fetch-Site": where})
        assert told.status_code == status


async def test_a_beacon_counts_for_what_exists(player: AsyncClient, live: object, broadcast_id: str) -> None:
    assert (await player.post(f"/hls/{random_id()}/beacon", json=VIEWER)).status_code == 404
    assert (await player.get(f"/hls/{broadcast_id}/beacon")).status_code == 405


async def test_a_crowd_behind_one_address_is_told_that_it_is_not_counted(
    player: AsyncClient, live: object, broadcast_id: str
) -> None:
    for number in range(ADDRESS_VIEWERS):
        await player.post(f"/hls/{broadcast_id}/beacon", json=VIEWER | {"viewer": f"{number:016x}"})
    assert (await player.post(f"/hls/{broadcast_id}/beacon", json=VIEWER)).status_code == 429


async def test_the_thumbnail_of_what_is_live_is_shown(
    player: AsyncClient, redis: Redis, channel: str, broadcast_id: str
) -> None:
    await on_page(redis, channel, broadcast_id)
    assert (await player.get(f"/live/{channel}/thumbnail.jpg")).status_code == 404
    await segment_cache.keep_thumbnail(redis, broadcast_id, b"a picture")
    answer = await player.get(f"/live/{channel}/thumbnail.jpg")
    assert (answer.content, answer.headers["content-type"]) == (b"a picture", "image/jpeg")
    assert answer.headers["cache-control"] == "public, max-age=5"


async def test_a_channel_that_is_over_has_neither_viewers_nor_a_thumbnail(
    player: AsyncClient, redis: Redis, channel: str, broadcast_id: str
) -> None:
    await on_page(redis, channel, broadcast_id, state="ended")
    for path in ("viewers", "thumbnail.jpg"):
        assert (await player.get(f"/live/{channel}/{path}")).status_code == 404


# --- one address ----------------------------------------------------------------------------------------------------------


async def test_one_address_holds_no_more_than_its_share_of_requests(
    app: Origin, live: dict[str, Writer], broadcast_id: str
) -> None:
    app._open = PerAddress(most=3)
    playlist = f"/hls/{broadcast_id}/source/playlist.m3u8"
    async with client(app, "203.0.113.7") as mallory, client(app, "203.0.113.8") as bob:
        waiting = [await held(mallory, f"{playlist}?_HLS_msn=11&_HLS_part={part}") for part in (1, 2, 3)]
        answer = await at_once(mallory.get(f"{playlist}?_HLS_msn=11&_HLS_part=4"))
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert (await at_once(bob.get(playlist))).status_code == 200
        for number in (7, 8, 9):
            await store(live["source"], number)
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
        assert (await at_once(mallory.get(playlist))).status_code == 200


async def test_pages_that_wait_count_as_well(app: Origin) -> None:
    app._open = PerAddress(most=1)
    async with client(app, "203.0.113.7") as mallory:
        waiting = await held(mallory, f"/live/nobody_{random_id()}/state?after=0")
        assert (await at_once(mallory.get("/live/nobody/state?after=0"))).status_code == 503
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not app._open.open


async def test_an_address_tells_no_more_than_its_players_would(app: Origin, live: object, broadcast_id: str) -> None:
    app._beacons = PerMinute(most=2)
    async with client(app, "203.0.113.7") as mallory, client(app, "203.0.113.8") as bob:
        beacons = [await mallory.post(f"/hls/{broadcast_id}/beacon", json=VIEWER) for _ in range(3)]
        assert [answer.status_code for answer in beacons] == [200, 200, 429]
        assert (await bob.post(f"/hls/{broadcast_id}/beacon", json=VIEWER)).status_code == 200


def client(app: Origin, address: str) -> AsyncClient:
    return AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://origin")
