"""Both transports keep the same promises."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.frames import Frame as Received
from websockets.frames import Opcode
from websockets.protocol import CLIENT, State
from websockets.protocol import Protocol as Reader

from interactions.consumers import WIRE
from interactions.peer import Peer, Peers
from interactions.transport import LOSSY_BYTES, Frame, Transport, WebSocketTransport
from livestream.worker import Worker
from tests.interactions.rig import SOON_S
from tests.interactions.rtc import far_end, on_loopback

__all__ = ["on_loopback"]


@dataclass
class Link:
    near: Transport
    got: list[str]
    stop_reading: Callable[[], None]
    hang_up: Callable[[], Any]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not condition():
                await asyncio.sleep(0.01)


async def over_websocket(stack: AsyncExitStack) -> Link:
    wires: asyncio.Queue[Any] = asyncio.Queue()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        wires.put_nowait(scope["extensions"][WIRE])
        while (await receive())["type"] != "websocket.disconnect":
            pass

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, **Worker.CONFIG_KWARGS | {"loop": "none"}))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    stack.push_async_callback(server.shutdown)
    client = await connect(
        f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/", max_queue=(None, None), proxy=None
    )
    stack.push_async_callback(client.close)
    got: list[str] = []

    async def read() -> None:
        async for text in client:
            assert isinstance(text, str)
            got.append(text)

    reading = asyncio.create_task(read())
    stack.callback(reading.cancel)

    def stop_reading() -> None:
        client.transport.pause_reading()
        raw = client.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    return Link(WebSocketTransport(await wires.get()), got, stop_reading, client.transport.abort)


async def over_webrtc(stack: AsyncExitStack) -> Link:
    far = await stack.enter_async_context(far_end())
    peers = Peers(1)
    peer = peers.make("127.0.0.1", lambda peer, data: None, lambda peer: None)
    stack.callback(peer.close)
    await far.take(await peer.answer(await far.offer()))
    async with asyncio.timeout(SOON_S):
        while peer.chat is None or peer.rx is None:
            await asyncio.sleep(0.01)
    return Link(peer.chat, far.got, far.stop_reading, peer.close)


@pytest.fixture(params=[over_websocket, over_webrtc])
async def link(request: pytest.FixtureRequest, on_loopback: None) -> AsyncIterator[Link]:
    async with AsyncExitStack() as stack:
        yield await request.param(stack)


async def test_everything_comes_in_order(link: Link) -> None:
    texts = [json.dumps([{"n": n, "text": "é🙂" * (n % 40) * (n % 7)}], ensure_ascii=False) for n in range(300)]
    for text in texts:
        link.near.send(Frame(text))
    await link.until(lambda: len(link.got) == len(texts))
    assert link.got == texts


async def test_a_reader_that_stops_is_seen_and_holds_nobody_up(link: Link) -> None:
    link.stop_reading()
    frame = Frame("x" * 1000)
    async with asyncio.timeout(SOON_S):
        while link.near.buffered <= LOSSY_BYTES:
            link.near.send(frame)
            await asyncio.sleep(0)
    before = link.near.buffered
    for _ in range(100):
        link.near.send_lossy(frame)
    assert link.near.buffered <= before


async def test_a_quiet_reader_has_nothing_unsent(link: Link) -> None:
    link.near.send(Frame("[]"))
    await link.until(lambda: link.got == ["[]"])
    assert link.near.is_open and link.near.buffered == 0


async def test_a_transport_that_has_closed_takes_frames_and_loses_them(link: Link) -> None:
    link.hang_up()
    await link.until(lambda: not link.near.is_open)
    link.near.send(Frame("[]"))
    link.near.send_lossy(Frame("[]"))


@given(st.text(max_size=300).map(lambda text: text * 300) | st.text(max_size=200))
def test_a_frame_is_what_a_websocket_client_reads(text: str) -> None:
    reader = Reader(CLIENT, state=State.OPEN, max_size=None)
    reader.receive_data(Frame(text).wire)
    [event] = reader.events_received()
    assert isinstance(event, Received) and event.opcode is Opcode.TEXT and event.fin
    assert bytes(event.data).decode() == text


def test_a_frame_is_encoded_once() -> None:
    frame = Frame("[]")
    assert frame.wire is frame.wire


async def test_lossy_frames_go_by_their_own_channel(on_loopback: None) -> None:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_end())
        peer: Peer = Peers(1).make("127.0.0.1", lambda peer, data: None, lambda peer: None)
        stack.callback(peer.close)
        await far.take(await peer.answer(await far.offer()))
        async with asyncio.timeout(SOON_S):
            while peer.chat is None or peer.rx is None:
                await asyncio.sleep(0.01)
            peer.chat.send_lossy(Frame("[1]"))
            while far.got_lossy != ["[1]"]:
                await asyncio.sleep(0.01)
        assert far.got == []
