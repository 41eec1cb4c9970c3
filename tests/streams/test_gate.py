"""Who is refused ahead of Django, which is a fake here, and who is let through to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from django.conf import settings as site
from httpx import ASGITransport, AsyncClient, Response

from streams import gate
from streams.gate import Blocks, Gate, Message, Receive, Send
from streams.ingest import LONGEST_BODY, PublishEvent

BOOT = "b00t"
MALLORY, ALICE = "203.0.113.9", "203.0.113.10"


def event(kind: Any, number: int, addr: str = MALLORY, boot: str = BOOT) -> PublishEvent:
    return PublishEvent(kind, f"{boot}:{number}", "live", "guess", addr)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    blocks = Blocks()
    blocks.add(MALLORY, 60, f"{BOOT}:5")
    monkeypatch.setattr(gate, "blocks", blocks)
    return blocks


# --- blocks ---------------------------------------------------------------------------------------------------------------


def test_publishers_of_a_blocked_address_are_refused_and_no_others(blocks: Blocks) -> None:
    assert blocks.holds(event("publish", 6)) and not blocks.holds(event("publish", 6, ALICE))


def test_a_publisher_who_was_there_before_may_leave(blocks: Blocks) -> None:
    left = [blocks.holds(event("publish_done", number)) for number in (4, 5, 6)]
    assert left == [False, True, True] and not blocks.holds(event("publish_done", 6, boot="an0ther"))


def test_a_block_is_of_a_network_and_ends() -> None:
    blocks = Blocks()
    blocks.add("2001:db8::/64", 0.05, f"{BOOT}:5")
    assert blocks.holds(event("publish", 6, "2001:db8::1")) and blocks.holds(event("publish", 6, "2001:db8::2"))
    assert not blocks.holds(event("publish", 6, "2001:db8:0:1::1"))
    time.sleep(0.05)
    assert not blocks.holds(event("publish", 6, "2001:db8::1"))


def test_blocks_that_are_over_are_forgotten() -> None:
    blocks = Blocks()
    for number in range(100):
        blocks.add(f"198.51.100.{number}", 0, f"{BOOT}:{number}")
    assert len(blocks) == 1


# --- the gate -------------------------------------------------------------------------------------------------------------


async def django(scope: Message, receive: Receive, send: Send) -> None:
    """Answers with what it is asked."""
    messages = [await receive()]
    while messages[-1]["more_body"]:
        messages.append(await receive())
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b"".join(message["body"] for message in messages)})


def body(kind: str, addr: str = MALLORY, number: int = 6) -> str:
    return urlencode({"app": "live", "addr": addr, "clientid": number, "call": kind, "name": "guess"})


async def ask(body: str | AsyncIterator[bytes], secret: str = site.RTMP_HOOK_SECRET, method: str = "POST") -> Response:
    transport = ASGITransport(cast(Any, Gate(django)))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, f"/internal/rtmp/{secret}/{BOOT}/", content=body)


@pytest.mark.usefixtures("blocks")
async def test_what_a_blocked_address_asks_does_not_reach_django() -> None:
    for kind in ("publish", "publish_done"):
        answer = await ask(body(kind))
        assert (answer.status_code, answer.json()["reason"]) == (403, "blocked")


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("words", [body("publish", ALICE), body("publish_done", number=4), "nonsense", ""])
async def test_everything_else_does_as_it_came(words: str) -> None:
    answer = await ask(words)
    assert (answer.status_code, answer.text) == (202, words)


@pytest.mark.usefixtures("blocks")
async def test_who_does_not_know_the_secret_learns_nothing_of_blocks() -> None:
    assert (await ask(body("publish"), secret="é")).status_code == 202
    assert (await ask(body("publish"), method="PUT")).status_code == 202


@pytest.mark.usefixtures("blocks")
async def test_a_body_longer_than_a_hook_s_is_none_of_the_gate_s_affair() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"a" * 1000

    assert (await ask(chunks())).content == b"a" * 30_000 and LONGEST_BODY < 30_000
