"""One chat process with the real protocol, Redis and sockets; only what PostgreSQL knows is made up."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import OperationalError
from pytest_django import Settings
from redis.asyncio import Redis
from websockets.exceptions import InvalidStatus

from interactions import consumers, hub, room_log
from interactions.chat import IDENTIFIED_AT_A_TIME, Chat
from interactions.identity import fingerprint
from tests.interactions.rig import (
    NOW,
    SETTINGS,
    SOON_S,
    FakeModeration,
    Server,
    client,
    forget,
    moderation,
    msg,
    nonce,
    redis,
    room,
    say,
    server,
    who,
)
from tests.log_lines import json_of

__all__ = ["moderation", "redis", "room", "server"]

BOB, CAROL = 17, 18
SECRET = "f00d" * 8


# --- coming in ------------------------------------------------------------------------------------------------------------


async def test_whoever_comes_in_is_shown_what_was_said(server: Server, redis: Redis, room: str) -> None:
    for number in range(60):
        await say(redis, room, f"{number}")
    async with client(server, room) as guest:
        welcome = await guest.hello()
    assert welcome["you"] is None
    assert welcome["reset"] is True and welcome["last"] == 60
    assert [item["n"] for item in welcome["items"]] == list(range(11, 61))
    assert welcome["settings"] == SETTINGS and welcome["emoji"] == SETTINGS["emoji"]
    assert welcome["here"] == 1
    assert welcome["rtc"] == {"iceServers": []}


async def test_somebody_who_is_signed_in_is_told_who_that_is(server: Server, room: str) -> None:
    async with client(server, room, CAROL) as carol:
        assert (await carol.hello())["you"] == {"id": "u18", "name": "carol", "role": "mod"}


async def test_nobody_is_asked_who_somebody_is_that_has_left_before_his_turn(
    server: Server, moderation: FakeModeration, room: str
) -> None:
    """After a restart thousands come at once, and come again where they are not answered in time."""
    for _ in range(IDENTIFIED_AT_A_TIME):
        await server.chat.turns.acquire()
    async with client(server, room, BOB, headers={"Cookie": "sessionid=bob"}) as bob:
        await bob.send(t="hello", v=1)
    async with client(server, room, CAROL, headers={"Cookie": "sessionid=carol"}) as carol:
        await carol.send(t="hello", v=1)
        async with client(server, room) as guest:
            await guest.hello()  # who need not wait
        for _ in range(IDENTIFIED_AT_A_TIME):
            server.chat.turns.release()
        assert (await carol.next("welcome"))["you"]["name"] == "carol"
    assert moderation.identified == [CAROL]


async def test_a_room_is_restored_from_postgresql_by_whoever_opens_it_first(server: Server, redis: Redis, room: str) -> None:
    await forget(redis, room)
    async with client(server, room) as guest:
        assert (await guest.hello())["settings"] == SETTINGS


async def test_a_room_that_does_not_exist_is_closed(server: Server) -> None:
    async with client(server, "nobody_here") as guest:
        await guest.send(t="hello", v=1)
        assert (await guest.next("no"))["code"] == "no_room"
        assert await guest.closed() == 4004


async def test_who_says_nothing_is_closed(server: Server, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HELLO_S", 0.2)
    async with client(server, room) as guest:
        assert await guest.closed() == 4003


async def test_one_who_comes_back_gets_what_was_missed(server: Server, redis: Redis, room: str) -> None:
    await say(redis, room, "one")
    async with client(server, room) as guest:
        welcome = await guest.hello()
    await say(redis, room, "two")
    await room_log.append(redis, room, {"t": "del", "of": [1]})
    async with client(server, room) as guest:
        again = await guest.hello(epoch=welcome["epoch"], last=welcome["last"])
        assert again["reset"] is False
        await guest.until(lambda: [(item["t"], item["n"]) for item in guest.log] == [("msg", 2), ("del", 3)])


@pytest.mark.parametrize(
    "known", [{"epoch": "another", "last": 1}, {"last": 1}, {"epoch": "mine"}, {"epoch": "mine", "last": 99}]
)
async def test_one_who_knows_another_log_begins_anew(server: Server, redis: Redis, room: str, known: dict[str, Any]) -> None:
    await say(redis, room, "one")
    if known.get("epoch") == "mine":
        known = known | {"epoch": (await room_log.state(redis, room)).epoch}
    async with client(server, room) as guest:
        welcome = await guest.hello(**known)
        assert welcome["reset"] is True and [item["n"] for item in welcome["items"]] == [1]


async def test_a_pinned_message_is_shown_however_old(server: Server, redis: Redis, room: str) -> None:
    n = await say(redis, room, "read this")
    await room_log.append(redis, room, {"t": "pin", "of": n, "msg": await room_log.message(redis, room, n)})
    async with client(server, room) as guest:
        assert (await guest.hello())["pin"]["msg"]["text"] == "read this"


# --- saying ---------------------------------------------------------------------------------------------------------------


async def test_whoever_begins_to_follow_in_the_room_may_write_at_once(
    server: Server, redis: Redis, room: str, moderation: FakeModeration
) -> None:
    async with client(server, room, BOB) as bob:
        await bob.hello()
        await room_log.set_settings(redis, room, SETTINGS | {"followers_only_s": 0}, {})
        await bob.until(lambda: any(item["t"] == "room" for item in bob.log))
        assert (await bob.say("hello"))["code"] == "followers"
        moderation.follows[BOB] = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        assert (await bob.say("hello"))["t"] == "ok"


async def test_what_one_says_everybody_reads(server: Server, room: str) -> None:
    async with client(server, room, BOB) as bob, client(server, room) as guest:
        await bob.hello()
        await guest.hello()
        now_ms = int(time.time() * 1000)
        answer = await bob.say("hello @alice", re=1, media=now_ms - 1500)
        assert answer["t"] == "ok"
        await guest.until(lambda: guest.texts() == ["hello @alice"])
        item = guest.log[0]
        assert item["n"] == answer["n"]
        assert item["by"] == {"id": "u17", "name": "bob", "role": None}
        assert (item["re"], item["media"], item["mentions"]) == (1, now_ms - 1500, ["alice"])
        assert abs(item["at"] - now_ms) < 2000
        await bob.until(lambda: bob.texts() == ["hello @alice"])


async def test_guests_read_and_do_not_write(server: Server, room: str, moderation: FakeModeration) -> None:
    async with client(server, room) as guest:
        await guest.hello()
        assert (await guest.say("hi"))["code"] == "sign_in"
        await guest.send(t="mod", nonce=nonce(), do="clear")
        assert (await guest.next("no"))["code"] == "sign_in"
    assert moderation.done == []


async def test_a_nonce_that_is_replayed_says_nothing_twice(server: Server, redis: Redis, room: str) -> None:
    mark = nonce()
    async with client(server, room, BOB) as bob:
        await bob.hello()
        first = await bob.say("once", nonce=mark)
    async with client(server, room, BOB) as bob:  # as a page does that has not heard the answer
        await bob.hello()
        assert await bob.say("once", nonce=mark) == first
    assert len(await room_log.since(redis, room, 0)) == 1


async def test_refusals_have_codes_and_say_how_long_to_wait(server: Server, redis: Redis, room: str) -> None:
    await room_log.set_settings(redis, room, SETTINGS | {"slow_s": 10}, {})
    async with client(server, room, BOB) as bob, client(server, room, CAROL) as carol:
        await bob.hello()
        await carol.hello()
        assert (await bob.say("one"))["t"] == "ok"
        answer = await bob.say("two")
        assert answer["code"] == "slow" and 8_000 < answer["wait_ms"] <= 10_000
        assert [(await carol.say(text))["t"] for text in ("one", "two")] == ["ok", "ok"]
        assert (await bob.say("x" * 501))["code"] == "too_long"


async def test_a_change_of_settings_is_in_force_at_once(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room, BOB) as bob:
        await bob.hello()
        await room_log.set_settings(redis, room, SETTINGS | {"emote_only": True}, {"terms": ["bad"]})
        await bob.until(lambda: any(item["t"] == "room" for item in bob.log))
        assert (await bob.say("words"))["code"] == "emote_only"
        await room_log.set_settings(redis, room, SETTINGS, {"terms": ["bad"]})
        await bob.until(lambda: sum(item["t"] == "room" for item in bob.log) == 2)
        await asyncio.sleep(0.2)
        assert (await bob.say("a bad word"))["code"] == "term"


async def test_what_is_held_goes_to_moderation_and_nowhere_else(
    server: Server, redis: Redis, room: str, moderation: FakeModeration
) -> None:
    async with client(server, room, BOB) as bob:
        await bob.hello()
        assert (await bob.say("see https://mallory.example/"))["t"] == "held"
        assert len(moderation.done) == 1
        await room_log.restrict(redis, room, "u17", "timeout", int(time.time() * 1000) + 60_000, int(time.time() * 1000))
        assert (await bob.say("see https://mallory.example/"))["code"] == "timeout"
    assert len(moderation.done) == 1
    assert await room_log.since(redis, room, 0) == []


async def test_moderators_act_and_others_are_told_no(server: Server, room: str, moderation: FakeModeration) -> None:
    async with client(server, room, CAROL) as carol, client(server, room, BOB) as bob:
        await carol.hello()
        await bob.hello()
        for person in (carol, bob):
            await person.send(t="mod", nonce="nonce-0001", do="delete", of=12)
        assert await carol.next("ok") == {"t": "ok", "nonce": "nonce-0001"}
        assert await bob.next("no") == {"t": "no", "nonce": "nonce-0001", "code": "forbidden"}
        await bob.send(t="report", nonce="nonce-0002", of=12, reason="spam")
        assert (await bob.next("ok"))["nonce"] == "nonce-0002"
    assert [type(frame).__name__ for _, _, frame in moderation.done] == ["Mod", "Report"]


# --- what others tell -----------------------------------------------------------------------------------------------------


@pytest.fixture
def cookie() -> dict[str, str]:
    """Whoever has a session hears what concerns them."""
    return {"Cookie": "sessionid=bob"}


async def tell(group: str, **message: Any) -> None:
    layer = get_channel_layer()
    assert layer
    await layer.group_send(group, message)


@pytest.mark.parametrize("where", ["here", "site"])
async def test_a_banned_user_s_open_socket_is_closed(
    server: Server, redis: Redis, room: str, cookie: dict[str, str], where: str
) -> None:
    user = 1_000_000 + int(nonce()[:6], 16)  # whoever is banned from the site is so for every test
    async with client(server, room, user, headers=cookie) as mallory, client(server, room) as guest:
        await mallory.hello()
        await guest.hello()
        await tell(f"user.u{user}", type="user.out", room="elsewhere", code="banned")
        await tell(f"user.u{user}", type="user.out", room=room if where == "here" else None, code="banned")
        assert (await mallory.next("bye"))["reason"] == "banned"
        assert await mallory.closed() == 4001
        assert guest.socket.close_code is None
    await room_log.restrict(redis, room, f"u{user}", "banned", None, NOW)
    async with client(server, room, user) as mallory:
        await mallory.send(t="hello", v=1)
        assert (await mallory.next("bye"))["reason"] == "banned"


async def test_a_timeout_is_told_at_once_in_every_tab_and_so_is_its_end(
    server: Server, redis: Redis, room: str, cookie: dict[str, str]
) -> None:
    now_ms = int(time.time() * 1000)
    async with client(server, room, BOB, headers=cookie) as tab, client(server, room, BOB, headers=cookie) as other:
        for each in (tab, other):
            await each.hello()
        await room_log.restrict(redis, room, "u17", "timeout", now_ms + 60_000, now_ms)
        await tell("user.u17", type="user.out", room=room, code="timeout")
        for each in (tab, other):
            told = await each.next("out")
            assert told["code"] == "timeout" and 50_000 < told["wait_ms"] <= 60_000
        async with client(server, room, BOB, headers=cookie) as late:
            await late.hello()
            assert (await late.next("out"))["code"] == "timeout"
        await room_log.absolve(redis, room, "u17")
        await tell("user.u17", type="user.out", room=room, code=None)
        for each in (tab, other):
            assert await each.next("out") == {"t": "out", "code": None, "wait_ms": None}


async def test_who_is_shut_out_while_coming_in_does_not_come_in(
    server: Server, redis: Redis, room: str, cookie: dict[str, str], moderation: FakeModeration, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = 1_000_000 + int(nonce()[:6], 16)
    look = room_log.out

    async def look_late(*args: Any) -> Any:
        found = await look(*args)
        await room_log.restrict(redis, None, f"u{user}", "site_banned", NOW, NOW - 60_000)
        await tell(f"user.u{user}", type="user.out", room=None, code="site_banned")
        return found

    monkeypatch.setattr(room_log, "out", look_late)
    async with client(server, room, user, headers=cookie) as mallory:
        await mallory.send(t="hello", v=1)
        assert (await mallory.next("bye"))["reason"] == "banned"
        assert await mallory.closed() == 4001


async def test_whoever_signs_out_is_shown_out_of_that_session_s_sockets(
    server: Server, room: str, cookie: dict[str, str]
) -> None:
    async with (
        client(server, room, BOB, headers=cookie) as bob,
        client(server, room, BOB, headers={"Cookie": "sessionid=other"}) as other,
    ):
        await bob.hello()
        await other.hello()
        await tell("user.u17", type="user.signed_out", session=fingerprint(cookie["Cookie"].partition("=")[2]))
        assert (await bob.next("bye"))["reason"] == "signed_out"
        assert await bob.closed() == 4002
        await tell("user.u17", type="user.item", room=room, item={"t": "denied", "nonce": "n"})
        assert (await other.next("denied"))["nonce"] == "n"


async def test_a_role_that_is_given_is_told_and_in_force(
    server: Server, room: str, cookie: dict[str, str], moderation: FakeModeration
) -> None:
    async with client(server, room, BOB, headers=cookie) as bob:
        await bob.hello()
        moderation.roles[BOB] = "mod"
        await tell("user.u17", type="user.role", room=room, role="mod")
        assert (await bob.next("queue"))["id"] == 1  # what waits already
        assert (await bob.next("role"))["role"] == "mod"
        await tell(f"mods.{room}", type="room.item", item={"t": "queue", "id": 3})
        assert (await bob.next("queue"))["id"] == 3
        moderation.roles[BOB] = None
        await tell("user.u17", type="user.role", room=room, role=None)
        assert (await bob.next("role"))["role"] is None
        await tell(f"mods.{room}", type="room.item", item={"t": "queue", "id": 4})
        await tell("user.u17", type="room.item", item={"t": "queue", "id": 5})
        assert (await bob.next("queue"))["id"] == 5


# --- reactions and presence -----------------------------------------------------------------------------------------------


async def test_reactions_are_merged_for_everybody(server: Server, redis: Redis, room: str) -> None:
    media = int(time.time() * 1000)
    await room_log.append(redis, room, {"t": "sys", "kind": "live", "at": media - 5000})
    async with client(server, room) as one, client(server, room) as two, client(server, room) as three:
        for each in (one, two, three):
            await each.hello()
        for each in (one, two):
            await each.send(t="react", emoji="👍", count=2, media=media)
        counts = 0
        while counts < 4:
            counts += (await three.next("rx"))["counts"]["👍"]
        assert counts == 4
    assert await redis.hget(f"chat:{{{room}}}:heat", f"{media // 1000}:👍") == b"4"


async def test_reactions_count_as_heat_only_while_a_broadcast_is_live(server: Server, redis: Redis, room: str) -> None:
    now_ms = int(time.time() * 1000)
    async with client(server, room) as guest:
        await guest.hello()

        async def react(emoji: str, media: int) -> None:
            await guest.send(t="react", emoji=emoji, count=1, media=media)
            assert (await guest.next("rx"))["counts"] == {emoji: 1}

        await react("👍", now_ms)
        assert not await redis.exists(f"chat:{{{room}}}:heat")
        for kind, at in (("live", now_ms), ("ended", now_ms + 1000), ("ended", now_ms - 9000)):
            await room_log.append(redis, room, {"t": "sys", "kind": kind, "at": at})
        await guest.until(lambda: len(guest.log) == 3)
        await react("👍", now_ms + 900)  # seen a moment after it ended
        await react("❤️", now_ms + 3000)
        assert await redis.hgetall(f"chat:{{{room}}}:heat") == {f"{(now_ms + 900) // 1000}:👍".encode(): b"1"}


async def test_taps_without_end_count_for_little(server: Server, room: str) -> None:
    async with client(server, room) as mallory, client(server, room) as guest:
        await mallory.hello()
        await guest.hello()
        began, before = time.monotonic(), guest.frames
        for _ in range(30):
            await mallory.send(t="react", emoji="👍", count=10)
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.6)
        counts = sum(item["counts"]["👍"] for item in guest.items if item["t"] == "rx")
        seconds = time.monotonic() - began
        assert counts <= 12 + 4 * seconds
        assert guest.frames - before <= 4 * seconds + 1


async def test_only_the_room_s_emoji_count(server: Server, room: str) -> None:
    async with client(server, room) as guest:
        await guest.hello()
        await guest.send(t="react", emoji="💩", count=1)
        assert (await guest.next("no"))["code"] == "bad_message"


async def test_how_many_are_there_is_counted_over_all_processes(
    server: Server, room: str, moderation: FakeModeration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interactions.hub.HERE_S", 0.1)
    async with Server(Chat(moderation, who)) as other, client(server, room) as one, client(other, room) as two:
        for each in (one, two):
            await each.hello()
        for each in (one, two):
            await each.find(lambda item: item == {"t": "here", "count": 2})


# --- ends -----------------------------------------------------------------------------------------------------------------


async def test_a_process_that_ends_says_when_to_come_again(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as guest:
        await guest.hello()
        stopping = asyncio.create_task(server.stop())
        bye = await guest.next("bye")
        assert bye["reason"] == "restart" and 0 <= bye["retry_ms"] < 100  # nobody else is there
        assert await guest.closed() == 1012
        await stopping


async def test_messages_go_on_in_another_process_without_loss(server: Server, room: str, moderation: FakeModeration) -> None:
    async with Server(Chat(moderation, who)) as other, client(other, room, BOB) as bob:
        await bob.hello()
        async with client(server, room) as guest:
            welcome = await guest.hello()
            await bob.say("one")
            await guest.until(lambda: guest.texts() == ["one"])
            await server.stop()
            await guest.closed()
        await bob.say("two")
        async with client(other, room) as again:
            await again.hello(epoch=welcome["epoch"], last=guest.last)
            await again.until(lambda: again.texts() == ["two"])


async def test_a_redis_that_loses_everything_begins_the_room_anew(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room, BOB) as bob:
        before = await bob.hello()
        await bob.say("one")
        await forget(redis, room)
        assert (await bob.say("two"))["t"] == "ok"
        welcome = await bob.next("welcome")
        assert welcome["reset"] and welcome["epoch"] != before["epoch"]
        assert [item["text"] for item in welcome["items"]] == ["two"]


async def test_messages_that_were_not_heard_are_read(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as guest:
        await guest.hello()
        await say(redis, room, "one")
        await guest.until(lambda: guest.last == 1)
        await room_log.append(redis, room, msg("two"))
        server.chat.hub.rooms[room].heard = 1  # as if nobody had told
        await say(redis, room, "three")
        await guest.until(lambda: guest.texts() == ["one", "two", "three"])


async def test_a_lost_subscription_is_taken_up_again(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as guest:
        await guest.hello()
        for found in await redis.client_list(_type="pubsub"):
            if f"chat:{room}" and found["sub"] != "0":
                await redis.client_kill_filter(_id=found["id"])
        await say(redis, room, "missed")
        await guest.until(lambda: guest.texts() == ["missed"])


# --- the door -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://mallory.example", "null", "http://127.0.0.1:1", "", "http://[", "file://"])
async def test_pages_of_other_sites_are_refused(server: Server, room: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(server, room, headers={"Origin": origin}):
            pass
    assert refused.value.response.status_code == 403


async def test_a_host_that_is_not_the_site_s_is_refused(server: Server, room: str) -> None:
    with pytest.raises(InvalidStatus):
        async with client(server, room, headers={"Origin": "http://mallory.example", "Host": "mallory.example"}):
            pass


async def test_trusted_origins_may_come_in(server: Server, room: str, settings: Settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://tv.example"]
    async with client(server, room, headers={"Origin": "https://tv.example"}) as guest:
        assert await guest.hello()


@pytest.mark.parametrize("name", ["../etc", "ALICE", "a", "alice/x", "%00abc"])
async def test_other_paths_are_refused(server: Server, name: str) -> None:
    with pytest.raises(InvalidStatus):
        async with client(server, name):
            pass


# --- what is logged -------------------------------------------------------------------------------------------------------


def breaks(moderation: FakeModeration, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def author(room: str, user_pk: int) -> None:
        raise error

    monkeypatch.setattr(moderation, "author", author)


async def test_each_socket_s_lines_name_it_and_its_room(
    server: Server, moderation: FakeModeration, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(moderation, OperationalError, monkeypatch)
    with json_of("interactions") as written:
        for user in (BOB, CAROL):
            async with client(server, room, user, headers={"Cookie": f"sessionid={SECRET}"}) as page:
                assert (await page.hello())["you"] is None
    assert [line["message"] for line in written.lines] == ["nobody can be identified: OperationalError"] * 2
    assert {line["room"] for line in written.lines} == {room}
    assert len({line["request"] for line in written.lines}) == 2
    assert SECRET not in written.text


async def test_a_frame_that_breaks_the_connection_is_said_to_be_of_it(
    server: Server, moderation: FakeModeration, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(moderation, ArithmeticError, monkeypatch)
    with json_of("uvicorn.error") as written:
        async with client(server, room, BOB, headers={"Cookie": f"sessionid={SECRET}"}) as bob:
            await bob.send(t="hello", v=1)
            await bob.closed()
    assert "ArithmeticError" in written.last["exception"]
    assert written.last["room"] == room and len(written.last["request"]) == 16
    assert SECRET not in written.text


async def test_what_all_share_is_of_no_socket_though_one_began_it(
    server: Server, redis: Redis, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HERE_S", 0.05)
    async with client(server, room, headers={"Cookie": f"sessionid={SECRET}"}) as guest:
        await guest.hello()
        with json_of("streams.subscription") as heard, json_of("interactions.hub") as looked:
            await redis.publish(room_log.channel(room), "no such thing")
            monkeypatch.setattr(server.chat.hub, "_check", None)
            async with asyncio.timeout(SOON_S):
                while not (heard.text and looked.text):
                    await asyncio.sleep(0.02)
    assert heard.last["message"].startswith("an announcement") and looked.last["message"].startswith(f"room {room}")
    assert heard.last["room"] == looked.last["room"] == room
    assert "request" not in heard.last | looked.last
