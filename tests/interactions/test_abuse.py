"""What mallory tries: the offender is answered or closed, and others notice nothing."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiortc import rtcsctptransport as sctp
from pytest_django import Settings
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from interactions import room as rooms
from interactions import room_log
from interactions.chat import Chat
from interactions.limits import Buckets, Paces
from interactions.protocol import SDP_BYTES
from interactions.rules import Author
from streams.addresses import network
from tests.interactions.rig import (
    SOON_S,
    Client,
    FakeModeration,
    Server,
    client,
    moderation,
    nonce,
    redis,
    room,
    say,
    server,
    who,
)
from tests.interactions.rtc import Far, far_end, on_loopback, send, switch, upgrade
from tests.interactions.test_sdp import HOST, OFFER

__all__ = ["moderation", "on_loopback", "redis", "room", "server"]

MALLORY = 19
WEBRTC_STRING = 51
OTHERS_P95_S = 0.5
AHEAD = 20  # messages


@pytest.fixture
async def guest(server: Server, room: str) -> AsyncIterator[Client]:
    """Somebody else in the room."""
    async with client(server, room) as found:
        await found.hello()
        yield found


async def is_well(guest: Client, redis: Redis, room: str) -> None:
    """The room goes on for others, soon."""
    text = nonce()
    began = time.monotonic()
    await say(redis, room, text, by="u1")
    await guest.until(lambda: text in guest.texts())
    assert time.monotonic() - began < OTHERS_P95_S


def masked(first: int, payload: bytes, announced: int | None = None) -> bytes:
    """A client's WebSocket frame (RFC 6455 5.2), with a mask of zeros."""
    size = len(payload) if announced is None else announced
    head = bytes([first, 0x80 | size]) if size < 126 else bytes([first, 0x80 | 126]) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


# --- on the WebSocket -----------------------------------------------------------------------------------------------------


async def test_an_oversized_frame_is_refused_and_a_huge_one_closes(
    server: Server, redis: Redis, room: str, guest: Client
) -> None:
    async with client(server, room, MALLORY) as mallory:
        await mallory.hello()
        assert (await mallory.say("x" * 5000))["code"] == "too_long"
        await mallory.socket.send("x" * 1_000_000)
        assert await mallory.closed() == 1009
    await is_well(guest, redis, room)


@pytest.mark.parametrize("data", ["{", b"\x00\x01", "[1]", '{"t":"say"}', '{"t":"hello","v":1}', '{"t":"switch","last":999}'])
async def test_who_goes_on_sending_nonsense_is_shown_out(
    server: Server, redis: Redis, room: str, guest: Client, data: str | bytes
) -> None:
    async with client(server, room, MALLORY) as mallory:
        await mallory.hello()
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                await mallory.socket.send(data)
                await asyncio.sleep(0.01)
        assert await mallory.closed() in (4000, 4002)
    await is_well(guest, redis, room)


async def test_nonsense_before_the_hello_is_shown_out_as_well(server: Server, room: str) -> None:
    async with client(server, room) as mallory:
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                await mallory.send(t="say", nonce=nonce(), text="hi")
                await asyncio.sleep(0.01)
        assert await mallory.closed() == 4000


async def test_a_flood_is_shown_out(server: Server, redis: Redis, room: str, guest: Client) -> None:
    async with client(server, room, MALLORY) as mallory:
        await mallory.hello()
        with pytest.raises(ConnectionClosed):
            for number in range(3000):
                await mallory.send(t="say", nonce=nonce(), text=f"buy {number}")
                await asyncio.sleep(0)
        await mallory.next("bye")
        assert await mallory.closed() == 4000
    assert len(await room_log.since(redis, room, 0)) <= 20
    await is_well(guest, redis, room)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(0x81, b"\xff\xfe\xfd"), 1007),
        (masked(0x81, b'{"t":"say","text":"\xed\xa0\x80"}'), 1007),
        (masked(0x83, b"reserved"), 1002),
        (masked(0xF1, b"reserved"), 1002),
        (b"\x81\x05hello", 1002),  # not masked
        (masked(0x01, b"x" * 20_000) + masked(0x00, b"x" * 20_000), 1009),  # in pieces
        (masked(0x01, b"x") + masked(0x01, b"y"), 1002),
        (masked(0x89, b"x" * 126), 1002),
    ],
)
async def test_what_is_no_websocket_frame_closes(
    server: Server, redis: Redis, room: str, guest: Client, data: bytes, code: int
) -> None:
    async with client(server, room) as mallory:
        await mallory.hello()
        mallory.socket.transport.write(data)
        assert await mallory.closed() == code
    await is_well(guest, redis, room)


async def test_frames_that_are_never_finished_hold_nobody_up(server: Server, redis: Redis, room: str, guest: Client) -> None:
    async with client(server, room) as one, client(server, room) as two:
        for mallory in (one, two):
            await mallory.hello()
        one.socket.transport.write(masked(0x81, b'{"t":', announced=20_000))
        two.socket.transport.write(masked(0x01, b'{"t":'))
        await is_well(guest, redis, room)


async def test_fields_that_say_who_one_is_are_not_read(server: Server, room: str, guest: Client) -> None:
    async with client(server, room, MALLORY) as mallory:
        await mallory.hello()
        await mallory.say("hi", by={"id": "u1", "name": "alice", "role": "owner"}, role="owner", n=1, at=1, user="u1", t="say")
        await guest.until(lambda: guest.texts() == ["hi"])
    assert guest.log[0]["by"] == {"id": "u19", "name": "mallory", "role": None}
    assert guest.log[0]["at"] > 1


async def test_a_room_is_chosen_by_its_address_alone(
    server: Server, room: str, moderation: FakeModeration, guest: Client
) -> None:
    async with client(server, f"{room}2", 18) as carol:
        await carol.hello()
        await carol.send(t="mod", nonce=nonce(), do="clear", room=room)
        await carol.next("ok")
        assert (await carol.say("hi", room=room))["t"] == "ok"
    assert [where for where, _, _ in moderation.done] == [f"{room}2"]
    assert guest.log == []


# --- who does not read ----------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PATIENCE_S", 1.0)


async def chatter(redis: Redis, room: str, guest: Client, until: Callable[[], bool]) -> int:
    """Long messages, no faster than the guest reads them; how many there were."""
    before = guest.last
    for number in range(4000):
        if until():
            return number
        await say(redis, room, f"{number} " + "🙂" * 490, by=f"u{number % 200}")
        await guest.until(lambda: guest.last >= before + number - AHEAD)  # noqa: B023 asked at once
    raise AssertionError("it was never closed")


async def test_a_websocket_that_is_never_read_is_closed(
    server: Server, redis: Redis, room: str, guest: Client, impatient: None
) -> None:
    async with client(server, room, max_queue=(None, None)) as mallory:
        await mallory.hello()
        mallory.socket.transport.pause_reading()
        raw = mallory.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        here = server.chat.hub.rooms[room].sessions
        largest = 0

        def gone() -> bool:
            nonlocal largest
            largest = max([largest, *(session.transport.buffered for session in here)])
            return len(here) == 1

        said = await chatter(redis, room, guest, gone)
        assert largest < rooms.PAUSE_BYTES + 8192
        await guest.until(lambda: guest.last == said)
        assert len(guest.texts()) == said


async def test_a_peer_that_never_reads_is_closed_with_its_socket(
    server: Server, redis: Redis, room: str, guest: Client, impatient: None, on_loopback: None
) -> None:
    async with client(server, room) as mallory, far_end() as far:
        await mallory.hello()
        await upgrade(mallory, far)
        switch(mallory, far)
        await say(redis, room, "hi")
        await mallory.until(lambda: mallory.last == 1)
        far.stop_reading()
        here = server.chat.hub.rooms[room].sessions
        said = await chatter(redis, room, guest, lambda: len(here) == 1)
        assert await mallory.closed() == rooms.RESYNC_CODE
        await guest.until(lambda: guest.last == said + 1)
    assert not server.chat.peers.open


async def test_a_slow_reader_is_given_up_and_comes_back_without_loss(
    server: Server, redis: Redis, room: str, impatient: None
) -> None:
    async with client(server, room) as slow:
        welcome = await slow.hello()
        [session] = server.chat.hub.rooms[room].sessions
        await say(redis, room, "one")
        await slow.until(lambda: slow.last == 1)
        session.give_up()
        await slow.next("resync")
        assert await slow.closed() == rooms.RESYNC_CODE
    await say(redis, room, "two")
    async with client(server, room) as again:
        assert (await again.hello(epoch=welcome["epoch"], last=slow.last))["reset"] is False
        await again.until(lambda: again.texts() == ["two"])


# --- on data channels -----------------------------------------------------------------------------------------------------


Attack = Callable[[Far], Coroutine[Any, Any, None]]


async def nonsense(far: Far) -> None:
    for _ in range(200):
        far.chat.send("{")
        await asyncio.sleep(0.005)


async def flood(far: Far) -> None:
    for number in range(3000):
        send(far.chat, t="say", nonce=nonce(), text=f"buy {number}")


async def oversized(far: Far) -> None:
    for _ in range(20):
        far.chat.send("x" * 60_000)
        await asyncio.sleep(0.02)


async def raw(far: Far, data: bytes) -> None:
    transport = far.connection.sctp
    assert transport and far.chat.id is not None
    await transport._send(far.chat.id, WEBRTC_STRING, data)


async def not_unicode(far: Far) -> None:
    await raw(far, b"\xff\xfe\xfd")


async def unfinished(far: Far) -> None:
    """A message that goes on and on, in small pieces."""
    transport = far.connection.sctp
    assert transport
    last, length = sctp.SCTP_DATA_LAST_FRAG, sctp.USERDATA_MAX_LENGTH
    try:
        sctp.SCTP_DATA_LAST_FRAG, sctp.USERDATA_MAX_LENGTH = 0, 10
        for _ in range(50):
            await raw(far, b"x" * 1000)
    finally:
        sctp.SCTP_DATA_LAST_FRAG, sctp.USERDATA_MAX_LENGTH = last, length


async def many_channels(far: Far) -> None:
    for number in range(100):
        far.connection.createDataChannel(f"channel {number}")
        await asyncio.sleep(0)


async def a_second_chat(far: Far) -> None:
    far.connection.createDataChannel("chat")


@pytest.mark.parametrize("attack", [nonsense, flood, oversized, not_unicode, unfinished, many_channels, a_second_chat])
async def test_an_attack_by_a_data_channel_ends_it(
    server: Server, redis: Redis, room: str, guest: Client, on_loopback: None, attack: Attack
) -> None:
    async with client(server, room, MALLORY) as mallory, far_end() as far:
        await mallory.hello()
        await upgrade(mallory, far)
        attacking = asyncio.create_task(attack(far))
        async with asyncio.timeout(SOON_S + 2):
            while server.chat.peers.open:
                await asyncio.sleep(0.02)
        attacking.cancel()
        await asyncio.gather(attacking, return_exceptions=True)
        await is_well(guest, redis, room)


# --- signalling -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 500,
        OFFER + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
        OFFER.replace("a=ice-pwd:Yx0Qm1iS9hHGcuwy9jPqg0gk", "a=ice-pwd:"),
        OFFER.replace("sha-256 9A", "sha-256 ZZ"),
        OFFER.replace("a=setup:actpass", "a=setup:sideways"),
        OFFER.replace("a=sctp-port:5000", "a=sctp-port:x"),
        OFFER.replace("v=0", "v="),
        "\x00" * 1000,
    ],
)
async def test_a_bad_offer_is_answered(server: Server, redis: Redis, room: str, guest: Client, text: str) -> None:
    async with client(server, room) as mallory:
        await mallory.hello()
        await mallory.send(t="rtc.offer", gen=1, sdp=text)
        answer = await mallory.find(lambda item: item["t"] in ("rtc.fail", "rtc.answer", "no"))
        assert answer["t"] != "rtc.answer" or server.chat.peers.open
    await is_well(guest, redis, room)
    assert not server.chat.peers.open


async def test_an_sdp_of_a_megabyte_closes_and_one_too_long_is_refused(
    server: Server, redis: Redis, room: str, guest: Client
) -> None:
    async with client(server, room) as mallory:
        await mallory.hello()
        await mallory.send(t="rtc.offer", gen=1, sdp="x" * (SDP_BYTES + 1))
        assert (await mallory.next("no"))["code"] == "too_long"
        await mallory.send(t="rtc.offer", gen=1, sdp="x" * 1_000_000)
        assert await mallory.closed() == 1009
    await is_well(guest, redis, room)


async def test_ten_thousand_candidates_are_a_flood(
    server: Server, redis: Redis, room: str, guest: Client, on_loopback: None
) -> None:
    async with client(server, room) as mallory, far_end() as far:
        await mallory.hello()
        await upgrade(mallory, far)
        with pytest.raises(ConnectionClosed):
            for number in range(10_000):
                candidate = HOST.format(f"8.8.{number // 250}.{number % 250}", 50000)[2:]
                await mallory.send(t="rtc.candidate", gen=1, candidate=candidate)
                await asyncio.sleep(0)
        assert await mallory.closed() == 4000
    await is_well(guest, redis, room)


# --- many -----------------------------------------------------------------------------------------------------------------


async def test_an_address_has_so_many_sockets_and_no_more(
    moderation: FakeModeration, redis: Redis, room: str, settings: Settings
) -> None:
    settings.CHAT_SOCKETS_PER_ADDRESS = 60
    async with Server(Chat(moderation, who)) as server, asyncio.TaskGroup() as tabs:
        leave = asyncio.Event()
        refused = 0

        async def tab() -> None:
            nonlocal refused
            try:
                async with client(server, room) as page:
                    await page.hello()
                    await leave.wait()
            except InvalidStatus as error:
                assert error.response.status_code == 403
                refused += 1

        for _ in range(100):
            tabs.create_task(tab())
        async with asyncio.timeout(SOON_S), client(server, room, headers={"X-Forwarded-For": "203.0.113.7"}) as guest:
            await guest.hello()
            while refused < 40:
                await asyncio.sleep(0.02)
            await is_well(guest, redis, room)
        assert refused == 40
        leave.set()
        async with asyncio.timeout(SOON_S):
            while server.chat.sockets.open:
                await asyncio.sleep(0.02)


async def test_others_read_on_while_many_flood(server: Server, redis: Redis, room: str, guest: Client) -> None:
    async def attack(number: int) -> None:
        while True:
            try:
                async with client(server, room, 1000 + number) as mallory:
                    await mallory.hello()
                    while True:
                        await mallory.socket.send('{"t":"say","nonce":"n","text":7}')
                        await asyncio.sleep(0)
            except ConnectionClosed:
                await asyncio.sleep(0.05)

    attackers = [asyncio.create_task(attack(number)) for number in range(5)]
    waits = []
    for number in range(40):
        began = time.monotonic()
        await say(redis, room, f"{number}", by=f"u{number}")
        await guest.until(lambda: guest.last == number + 1)  # noqa: B023
        waits.append(time.monotonic() - began)
    for each in attackers:
        each.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    assert sorted(waits)[int(len(waits) * 0.95)] < OTHERS_P95_S


def test_an_ipv6_subscriber_is_one_address() -> None:
    assert network("2001:db8:0:1::1") == network("2001:db8:0:1:ffff::2") != network("2001:db8:0:2::1")
    assert network("203.0.113.7") != network("203.0.113.8")
    assert network("") == ""


def test_offers_are_six_a_minute_of_a_user_and_thirty_of_an_address() -> None:
    paces = Paces(60)
    assert [paces.offer("u1", "203.0.113.7", 0) for _ in range(7)] == [True] * 6 + [False]
    assert paces.offer("u2", "203.0.113.7", 0) and paces.offer("u1", "203.0.113.7", 10)
    of_many = [paces.offer(f"u{number}", f"2001:db8::{number:x}", 0) for number in range(10, 50)]  # in one network
    assert of_many == [True] * 30 + [False] * 10


def test_paces_that_are_as_good_as_new_are_forgotten() -> None:
    offers = Buckets(6, 0.1)
    for number in range(2000):
        offers.take(f"u{number}", 100 + number)
    assert len(offers.buckets) < 1200


class Counting(FakeModeration):
    """How often PostgreSQL would have been asked."""

    asked = 0

    def author(self, room: str, user_pk: int) -> Author:
        self.asked += 1
        return super().author(room, user_pk)

    def act(self, *args: Any) -> None:
        self.asked += 1


async def test_one_account_s_many_sockets_are_told_when_to_come_again_before_postgresql_is_asked(room: str) -> None:
    moderation = Counting()
    cookie = {"Cookie": "sessionid=mallory"}
    async with Server(Chat(moderation, who)) as running, AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(client(running, room, MALLORY, headers=cookie)) for _ in range(50)]
        for page in pages:
            await page.send(t="hello", v=1)
        byes = []
        for page in pages:
            await page.until(lambda page=page: any(item["t"] in ("welcome", "bye") for item in page.items))
            byes += [item for item in page.items if item["t"] == "bye"]
        assert 30 <= len(byes) <= 38 and moderation.asked == 50 - len(byes)
        assert all(bye["reason"] == "rate" and bye["retry_ms"] > 0 for bye in byes)
        assert await pages[-1].closed() == 4005
        async with client(running, room, 17, headers={"Cookie": "sessionid=bob"}) as bob:
            assert await bob.hello()


async def test_many_sessions_of_one_account_are_one_account(room: str) -> None:
    moderation = Counting()
    async with Server(Chat(moderation, who)) as running, AsyncExitStack() as stack:
        for number in range(30):
            headers = {"Cookie": f"sessionid=mallory{number}"}
            page = await stack.enter_async_context(client(running, room, MALLORY, headers=headers))
            await page.send(t="hello", v=1)
            await page.until(lambda page=page: page.items)
        assert moderation.asked <= 15


async def test_what_only_moderators_may_is_refused_from_memory_and_who_goes_on_is_shown_out(room: str) -> None:
    moderation = Counting()
    async with Server(Chat(moderation, who)) as running, client(running, room, MALLORY) as mallory:
        await mallory.hello()
        moderation.asked = 0
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                await mallory.send(t="mod", nonce=nonce(), do="clear")
                await asyncio.sleep(0.01)
        assert (await mallory.next("no"))["code"] == "forbidden"
        assert await mallory.closed() == 4000
    assert moderation.asked == 0


@pytest.mark.parametrize(
    "frame", [{"t": "report", "of": 1, "reason": "spam"}, {"t": "say", "text": "see https://mallory.example/"}]
)
async def test_what_postgresql_has_to_look_at_is_asked_ten_times_a_minute(
    server: Server, room: str, moderation: FakeModeration, frame: dict[str, Any]
) -> None:
    async with client(server, room, MALLORY) as mallory:
        await mallory.hello()
        for _ in range(12):
            await mallory.send(nonce=nonce(), **frame)
        assert (await mallory.next("no"))["code"] == "rate"
        assert (await mallory.next("no"))["wait_ms"] > 1000
    assert len(moderation.done) == 10


async def test_who_flips_transports_in_a_loop_is_refused(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room, MALLORY) as mallory:
        await mallory.hello()
        n = await say(redis, room, "hi")
        await mallory.until(lambda: mallory.last == n)
        for _ in range(12):
            await mallory.send(t="switch", last=0)
        assert (await mallory.next("no"))["code"] == "rate"
        await asyncio.sleep(0.2)
        assert mallory.again == 10
        await say(redis, room, "and on")
        await mallory.until(lambda: "and on" in mallory.texts())
