import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from interactions import room_log
from interactions.protocol import Refused
from interactions.room_log import Pace, Restored
from tests.interactions.rig import NOW, QUICK, SETTINGS, forget, msg, nonce, random_room, redis, room, say, texts

__all__ = ["redis", "room"]


async def archived(redis: Redis, room: str) -> list[dict[str, str]]:
    found: Any = await redis.xrange("chat:archive")
    entries = [{k.decode(): v.decode() for k, v in fields.items()} for _, fields in found]
    return [entry for entry in entries if entry["room"] == room]


async def refusal(redis: Redis, room: str, text: str, pace: Pace = QUICK) -> tuple[str, int | None]:
    with pytest.raises(Refused) as refused:
        await room_log.say(redis, room, msg(text), "u1", nonce(), pace)
    return refused.value.code, refused.value.wait_ms


# --- saying ---------------------------------------------------------------------------------------------------------------


async def test_messages_are_numbered_stored_announced_and_archived(redis: Redis, room: str) -> None:
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(room_log.channel(room))
        await pubsub.get_message(timeout=1)
        assert [await say(redis, room, text) for text in ("one", "two")] == [1, 2]
        heard = [await pubsub.get_message(timeout=1) for _ in range(2)]
    epoch = (await room_log.state(redis, room)).epoch
    item = {"t": "msg", "n": 1} | {name: value for name, value in msg("one").items() if name != "t"}
    assert json.loads((await room_log.since(redis, room, 0))[0].text) == item
    assert heard[0] and heard[0]["data"].decode().split(" ", 2)[:2] == [epoch, "1"]
    assert [(entry["epoch"], entry["n"]) for entry in await archived(redis, room)] == [(epoch, "1"), (epoch, "2")]


async def test_everybody_s_messages_are_in_one_order(redis: Redis, room: str) -> None:
    numbers = await asyncio.gather(*(say(redis, room, f"{number}", by=f"u{number}") for number in range(50)))
    assert sorted(numbers) == list(range(1, 51))
    assert [entry.n for entry in await room_log.since(redis, room, 0)] == list(range(1, 51))


async def test_a_nonce_that_comes_again_is_answered_the_same_and_says_nothing(redis: Redis, room: str) -> None:
    once = nonce()
    numbers = [await room_log.say(redis, room, msg("hi"), "u1", once, QUICK) for _ in range(3)]
    assert numbers == [1, 1, 1]
    assert await texts(redis, room) == ["hi"]
    assert await room_log.say(redis, room, msg("hi", by="u2"), "u2", once, QUICK) == 2  # it is another's nonce


async def test_nonces_are_forgotten_after_a_minute(redis: Redis, room: str) -> None:
    once = nonce()
    await room_log.say(redis, room, msg("hi"), "u1", once, QUICK)
    assert 0 < await redis.ttl(f"chat:{{{room}}}:nonce:u1:{once}") <= 60


async def test_twenty_may_be_said_in_half_a_minute(redis: Redis, room: str) -> None:
    pace = Pace(20, 0, NOW)
    for number in range(20):
        await room_log.say(redis, room, msg(f"{number}"), "u1", nonce(), pace)
    assert await refusal(redis, room, "one more", pace) == ("rate", 1500)
    assert await room_log.say(redis, room, msg("later"), "u1", nonce(), pace._replace(now_ms=NOW + 1500)) == 21
    assert await room_log.say(redis, room, msg("me too", by="u2"), "u2", nonce(), pace) == 22


async def test_slow_mode_says_how_long_to_wait(redis: Redis, room: str) -> None:
    slow = Pace(20, 10_000, NOW)
    await room_log.say(redis, room, msg("one"), "u1", nonce(), slow)
    assert await refusal(redis, room, "two", slow._replace(now_ms=NOW + 4_000)) == ("slow", 6_000)
    assert await room_log.say(redis, room, msg("two"), "u1", nonce(), slow._replace(now_ms=NOW + 10_000)) == 2


async def test_slow_mode_is_remembered_for_as_long_as_it_lasts(redis: Redis, room: str) -> None:
    await room_log.say(redis, room, msg("one"), "u1", nonce(), Pace(20, 120_000, NOW))
    assert await redis.pttl(f"chat:{{{room}}}:pace:u1") > 110_000


async def test_the_same_text_twice_is_a_duplicate_for_a_while(redis: Redis, room: str) -> None:
    await say(redis, room, "buy")
    assert await refusal(redis, room, "buy") == ("duplicate", None)
    assert await room_log.say(redis, room, msg("buy"), "u1", nonce(), QUICK._replace(now_ms=NOW + 30_000)) == 2


@pytest.mark.parametrize("where", ["room", "site"])
async def test_who_is_out_says_nothing_until_absolved(redis: Redis, room: str, where: str) -> None:
    user = nonce()  # the site's restrictions are everybody's
    place = room if where == "room" else None
    await room_log.restrict(redis, place, user, "banned", None, NOW)
    assert await room_log.out(redis, room, user, NOW) == ("banned", None)
    with pytest.raises(Refused) as refused:
        await room_log.say(redis, room, msg("hi"), user, nonce(), QUICK)
    assert (refused.value.code, refused.value.wait_ms) == ("banned", None)
    await room_log.absolve(redis, place, user)
    assert await room_log.say(redis, room, msg("hi"), user, nonce(), QUICK) == 1


async def test_a_timeout_ends_by_itself(redis: Redis, room: str) -> None:
    await room_log.restrict(redis, room, "u1", "timeout", NOW + 300, NOW)
    assert await refusal(redis, room, "hi") == ("timeout", 300)
    assert await room_log.out(redis, room, "u1", NOW + 299) == ("timeout", NOW + 300)
    assert await room_log.say(redis, room, msg("hi"), "u1", nonce(), QUICK._replace(now_ms=NOW + 300)) == 1
    assert await room_log.out(redis, room, "u1", NOW + 300) is None


async def test_a_timeout_outlives_a_clock_of_redis_that_is_set_forward(redis: Redis, room: str) -> None:
    await room_log.restrict(redis, room, "u1", "timeout", NOW + 300, NOW)
    assert await redis.pttl(f"chat:{{{room}}}:out:u1") > 3_600_000


async def test_a_restriction_that_is_over_is_not_set(redis: Redis, room: str) -> None:
    await room_log.restrict(redis, room, "u1", "timeout", NOW - 1, NOW)
    assert await room_log.out(redis, room, "u1", NOW) is None


# --- taking back ----------------------------------------------------------------------------------------------------------


async def test_what_was_deleted_is_in_no_replay(redis: Redis, room: str) -> None:
    for text in ("good", "bad", "fine"):
        await say(redis, room, text)
    assert await room_log.append(redis, room, {"t": "del", "of": [2]}) == 4
    assert await texts(redis, room) == ["good", "fine"]
    assert (await room_log.tail(redis, room, 1))[0].text == '{"t":"del","n":4,"of":[2]}'
    assert await room_log.message(redis, room, 2) is None
    assert len(await archived(redis, room)) == 4  # the archiver learns of both


async def test_a_purge_takes_everything_of_one_user(redis: Redis, room: str) -> None:
    for by in ("u1", "u2", "u1"):
        await say(redis, room, f"by {by} {nonce()}", by)
    await room_log.append(redis, room, {"t": "purge", "user": "u1"})
    assert [text[:5] for text in await texts(redis, room)] == ["by u2"]


async def test_a_cleared_room_is_empty_and_goes_on(redis: Redis, room: str) -> None:
    await say(redis, room, "one")
    assert await room_log.append(redis, room, {"t": "clear"}) == 2
    assert [entry.text for entry in await room_log.since(redis, room, 0)] == ['{"t":"clear","n":2}']
    assert await say(redis, room, "two") == 3


async def pinned(redis: Redis, room: str) -> dict[str, Any] | None:
    pin = (await room_log.state(redis, room)).pin
    return json.loads(pin) if pin else None


async def test_a_pin_stays_until_it_is_taken_off(redis: Redis, room: str) -> None:
    n = await say(redis, room, "read this")
    await room_log.append(redis, room, {"t": "pin", "of": n, "msg": await room_log.message(redis, room, n)})
    found = await pinned(redis, room)
    assert found and found["of"] == n and found["msg"]["text"] == "read this"
    await room_log.append(redis, room, {"t": "pin", "of": None})
    assert await pinned(redis, room) is None


@pytest.mark.parametrize("word", [{"t": "del", "of": [1]}, {"t": "purge", "user": "u1"}, {"t": "clear"}])
async def test_what_is_taken_back_is_pinned_no_more(redis: Redis, room: str, word: dict[str, Any]) -> None:
    n = await say(redis, room, "bad")
    await room_log.append(redis, room, {"t": "pin", "of": n, "msg": await room_log.message(redis, room, n)})
    await room_log.append(redis, room, word)
    assert await pinned(redis, room) is None
    assert "bad" not in "".join(entry.text for entry in await room_log.since(redis, room, 0))


# --- the log's bounds, and its life ---------------------------------------------------------------------------------------


async def test_the_log_keeps_about_five_hundred(redis: Redis, room: str) -> None:
    for number in range(720):
        await say(redis, room, f"{number}", by=f"u{number % 7}")
    kept = await room_log.since(redis, room, 0)
    assert 500 <= len(kept) <= 620
    assert kept[-1].n == 720
    assert [entry.n for entry in await room_log.tail(redis, room, 50)] == list(range(671, 721))
    assert [entry.n for entry in await room_log.since(redis, room, 717)] == [718, 719, 720]


async def test_settings_are_an_item_and_what_the_room_is_set_to(redis: Redis, room: str) -> None:
    await room_log.set_settings(redis, room, {"slow_s": 10}, {"terms": ["bad"]})
    found = await room_log.state(redis, room)
    assert (found.n, found.settings, found.private) == (1, {"slow_s": 10}, {"terms": ["bad"]})
    assert (await room_log.tail(redis, room, 1))[0].text == '{"t":"room","n":1,"settings":{"slow_s":10}}'


async def test_an_emptied_redis_begins_another_epoch(redis: Redis, room: str) -> None:
    await say(redis, room, "one")
    before = await room_log.state(redis, room)
    await forget(redis, room)
    assert (await room_log.state(redis, room)).epoch == ""
    assert await say(redis, room, "one") == 1
    after = await room_log.state(redis, room)
    assert after.epoch and after.epoch != before.epoch
    assert after.settings is None  # whoever opens the room restores them


async def test_restoring_keeps_what_is_there(redis: Redis) -> None:
    name, user = random_room(), nonce()
    restored = Restored(SETTINGS, {"terms": ["bad"]}, [(name, user, "banned", None), (name, "u2", "timeout", NOW - 1)])
    await say(redis, name, "early")
    await room_log.restore(redis, name, restored, NOW)
    await room_log.restore(redis, name, Restored({"slow_s": 99}), NOW)
    found = await room_log.state(redis, name)
    assert (found.n, found.settings, found.private) == (1, SETTINGS, {"terms": ["bad"]})
    assert await room_log.out(redis, name, user, NOW) == ("banned", None)
    assert await room_log.out(redis, name, "u2", NOW) is None
    await forget(redis, name)


async def test_what_ended_before_the_next_went_live_does_not_end_that(redis: Redis, room: str) -> None:
    for kind, at in (("live", NOW), ("live", NOW + 9000), ("ended", NOW + 5000)):  # told by jobs, in any order
        await room_log.append(redis, room, {"t": "sys", "kind": kind, "at": at})
    state = await room_log.state(redis, room)
    assert (state.is_live, state.turned_ms) == (True, NOW + 9000)
    await room_log.append(redis, room, {"t": "sys", "kind": "ended", "at": NOW + 20_000})
    assert not (await room_log.state(redis, room)).is_live


async def test_presence_is_the_sum_of_the_processes_that_live(redis: Redis, room: str) -> None:
    assert await room_log.here(redis, room, "a", 40, NOW) == 40
    assert await room_log.here(redis, room, "b", 2, NOW + 1000) == 42
    assert await room_log.here(redis, room, "b", 2, NOW + 16_000) == 2
    assert await room_log.here(redis, room, "b", 0, NOW + 16_000) == 0


async def test_reactions_are_announced_merged_and_counted_by_media_second(redis: Redis, room: str) -> None:
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(room_log.reactions(room))
        await pubsub.get_message(timeout=1)
        for _ in range(2):
            await room_log.react(redis, room, {"👍": 3}, {"1700000000:👍": 3})
        heard = await pubsub.get_message(timeout=1)
    assert heard and json.loads(heard["data"]) == {"👍": 3}
    assert await redis.hgetall(f"chat:{{{room}}}:heat") == {"1700000000:👍".encode(): b"6"}


async def test_heat_that_nobody_comes_for_is_forgotten(redis: Redis, room: str) -> None:
    await room_log.react(redis, room, {"👍": 1}, {"1700000000:👍": 1})
    assert 0 < await redis.ttl(f"chat:{{{room}}}:heat") <= room_log.HEAT_S
