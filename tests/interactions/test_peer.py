"""WebRTC in a room: the upgrade, the switch, the end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from interactions import peer
from tests.interactions.rig import FakeModeration, Server, client, moderation, redis, room, say, server
from tests.interactions.rtc import far_end, on_loopback, send, switch, upgrade
from tests.interactions.test_sdp import HOST
from tests.log_lines import json_of

__all__ = ["moderation", "on_loopback", "redis", "room", "server"]

pytestmark = pytest.mark.usefixtures("on_loopback")
BOB = 17


async def until(condition: object, within_s: float = 3) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)


async def test_nothing_is_lost_doubled_or_moved_while_a_busy_room_changes_over(server: Server, redis: Redis, room: str) -> None:
    async def talk() -> None:
        for number in range(300):
            await say(redis, room, f"{number}", by=f"u{number % 9}")
            await asyncio.sleep(0.004)

    async with client(server, room) as page, far_end() as far, far_end() as second:
        await page.hello()
        talking = asyncio.create_task(talk())
        await upgrade(page, far)
        await asyncio.sleep(0.1)
        switch(page, far)
        await asyncio.sleep(0.4)
        await page.send(t="switch", last=page.last)  # back to the socket
        await asyncio.sleep(0.2)
        await upgrade(page, second, gen=2)
        switch(page, second)
        await talking
        await page.until(lambda: page.last == 300)
        assert page.texts() == [f"{number}" for number in range(300)]
        assert len(far.got) > 1 and len(second.got) > 1
        assert all(len(text.encode()) <= 1200 for text in far.got + second.got)


async def test_after_the_switch_nothing_of_the_chat_comes_by_the_socket(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        send(far.chat, t="switch", last=0)
        await until(lambda: next(iter(server.chat.hub.rooms[room].sessions)).transport.__class__.__name__ == "ChannelTransport")
        await say(redis, room, "hi")
        await until(lambda: len(far.got) == 1)
        assert [item["text"] for item in json.loads(far.got[0])] == ["hi"]
        assert page.log == []


async def test_one_writes_and_reacts_by_the_channels_too(server: Server, room: str) -> None:
    async with client(server, room, BOB) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        switch(page, far)
        send(far.chat, t="say", nonce="nonce-0001", text="by the channel")
        assert (await page.next("ok"))["nonce"] == "nonce-0001"
        await page.until(lambda: page.texts() == ["by the channel"])
        send(far.rx, t="react", emoji="👍", count=2)
        assert (await page.next("rx"))["counts"] == {"👍": 2}
        assert far.got_lossy


async def test_a_frame_by_a_channel_that_breaks_the_connection_is_said_to_be_of_it(
    server: Server, moderation: FakeModeration, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(server, room, BOB) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        monkeypatch.setattr(moderation, "hold", None)
        with json_of("interactions.consumers") as written:
            send(far.chat, t="say", nonce="nonce-0001", text="see https://mallory.example/")
            assert await page.closed() == 1011
    assert written.last["room"] == room and len(written.last["request"]) == 16


async def test_a_peer_ends_with_its_socket(server: Server, room: str) -> None:
    async with far_end() as far:
        async with client(server, room) as page:
            await page.hello()
            await upgrade(page, far)
            assert len(server.chat.peers.open) == 1
        await until(lambda: not server.chat.peers.open)
        await until(far.closed.is_set)


async def test_a_page_whose_channel_ends_goes_back_to_the_socket(server: Server, redis: Redis, room: str) -> None:
    async with client(server, room) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        switch(page, far)
        await say(redis, room, "one")
        await page.until(lambda: page.last == 1)
        await far.connection.close()
        assert (await page.next("rtc.fail"))["reason"] == "closed"
        await say(redis, room, "two")
        await page.send(t="switch", last=page.last)
        await page.until(lambda: page.texts() == ["one", "two"])


@pytest.mark.parametrize(("most", "reason"), [(0, "full"), (1, "full")])
async def test_there_are_no_more_peers_than_may_be(server: Server, room: str, most: int, reason: str) -> None:
    server.chat.peers.most = most
    async with client(server, room) as first, client(server, room) as page, far_end() as far, far_end() as other:
        await first.hello()
        if most:
            await upgrade(first, other)
        assert (await page.hello())["rtc"] is None
        await page.send(t="rtc.offer", gen=3, sdp=await far.offer())
        assert await page.next("rtc.fail") == {"t": "rtc.fail", "gen": 3, "reason": reason}


async def test_offers_are_counted_per_user_and_address(server: Server, room: str) -> None:
    async with client(server, room) as page, client(server, room, BOB) as bob, far_end() as far:
        await page.hello()
        await bob.hello()
        text = await far.offer()
        for gen in range(7):
            await page.send(t="rtc.offer", gen=gen, sdp=text)
        assert (await page.find(lambda item: item.get("gen") == 6))["reason"] == "rate"
        await bob.send(t="rtc.offer", gen=1, sdp=text)
        assert await bob.next("rtc.answer")
        assert len(server.chat.peers.open) == 1


async def test_one_address_has_a_part_of_the_peers(server: Server, room: str) -> None:
    server.chat.peers.most_from = 1
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    async with (
        client(server, room) as first,
        client(server, room) as second,
        client(server, room, headers=elsewhere) as third,
        far_end() as far,
        far_end() as other,
    ):
        for page in (first, second, third):
            await page.hello()
        await upgrade(first, far)
        await second.send(t="rtc.offer", gen=1, sdp=await other.offer())
        assert (await second.next("rtc.fail"))["reason"] == "full"
        await third.send(t="rtc.offer", gen=1, sdp=await other.offer())
        assert await third.next("rtc.answer")


async def test_a_new_offer_takes_the_place_of_the_last(server: Server, room: str) -> None:
    async with client(server, room) as page, far_end() as far, far_end() as second:
        await page.hello()
        await upgrade(page, far)
        await upgrade(page, second, gen=2)
        assert len(server.chat.peers.open) == 1
        await until(far.closed.is_set)


async def test_candidates_of_the_current_offer_are_taken(server: Server, room: str) -> None:
    async with client(server, room) as page, far_end() as far:
        await page.hello()
        await upgrade(page, far)
        for text in (HOST.format("8.8.8.8", 50000)[2:], HOST.format("x.local", 50000)[2:], "", "nonsense"):
            await page.send(t="rtc.candidate", gen=1, candidate=text)
            await page.send(t="rtc.candidate", gen=0, candidate=text)
        await say_and_hear(page)


async def say_and_hear(page: object) -> None:
    await page.send(t="say", nonce="nonce-0009", text="hi")  # type: ignore[attr-defined]
    assert (await page.next("no"))["code"] == "sign_in"  # type: ignore[attr-defined]


async def test_a_peer_that_never_opens_is_let_go(server: Server, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "OPEN_S", 0.3)
    async with client(server, room) as page, far_end() as far:
        await page.hello()
        await page.send(t="rtc.offer", gen=1, sdp=await far.offer())
        assert await page.next("rtc.answer")
        assert (await page.next("rtc.fail"))["reason"] == "closed"
        assert not server.chat.peers.open


def test_turn_credentials_end_and_are_what_coturn_expects(settings: Settings) -> None:
    assert peer.ice_servers("u17", 1_000) == []
    settings.TURN_URL, settings.TURN_SECRET = "turn:turn.example:3478", "shared"
    [server] = peer.ice_servers("u17", int(time.time()))
    expires, _, user = server["username"].partition(":")
    assert user == "u17" and 0 < int(expires) - time.time() <= 3600
    digest = hmac.new(b"shared", server["username"].encode(), hashlib.sha1).digest()
    assert server["credential"] == base64.b64encode(digest).decode()


def test_peers_listen_where_the_answers_say(settings: Settings) -> None:
    settings.CHAT_ICE_ADDRESSES = ["127.0.0.1"]
    assert peer.bound_addresses(True, True) == ["127.0.0.1"]
    settings.CHAT_ICE_ADDRESSES = ["203.0.113.9"]  # a NAT's
    assert peer.bound_addresses(True, True) == peer.all_addresses(True, True)
    settings.CHAT_ICE_ADDRESSES = []
    assert peer.bound_addresses(True, False) == peer.all_addresses(True, False)
