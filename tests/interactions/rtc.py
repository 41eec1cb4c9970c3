"""A browser's end of WebRTC, made of aiortc; both ends on the loopback address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from pytest_django import Settings

from tests.interactions.rig import SOON_S, Client


@pytest.fixture
def on_loopback(settings: Settings) -> None:
    settings.CHAT_ICE_ADDRESSES = ["127.0.0.1"]


class Far:
    """The far end: its channels, and what has come by them."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.chat: RTCDataChannel = self.connection.createDataChannel("chat")
        self.rx: RTCDataChannel = self.connection.createDataChannel("rx", ordered=False, maxRetransmits=0)
        self.open = asyncio.Event()
        self.closed = asyncio.Event()
        self.chat.on("open", self.open.set)
        self.chat.on("close", self.closed.set)
        self.got: list[str] = []
        self.got_lossy: list[str] = []
        self.chat.on("message", self.got.append)
        self.rx.on("message", self.got_lossy.append)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(SOON_S):
            await self.open.wait()

    def stop_reading(self) -> None:
        """As a browser whose page hangs, or whose network has gone: nothing is acknowledged any more."""

        async def ignore(data: bytes) -> None:
            pass

        assert self.connection.sctp
        self.connection.sctp._handle_data = ignore  # type: ignore[method-assign]


@asynccontextmanager
async def far_end() -> AsyncIterator[Far]:
    far = Far()
    try:
        yield far
    finally:
        await far.connection.close()


async def upgrade(page: Client, far: Far, gen: int = 1) -> None:
    """Open the channels; chat still comes by the socket."""
    await page.send(t="rtc.offer", gen=gen, sdp=await far.offer())
    await far.take((await page.next("rtc.answer"))["sdp"])


def switch(page: Client, far: Far) -> None:
    """From here on the page gets what comes by the channel as well."""
    far.chat.on("message", page.take)
    far.rx.on("message", page.take)
    send(far.chat, t="switch", last=page.last)


def send(channel: RTCDataChannel, **fields: Any) -> None:
    channel.send(json.dumps(fields, ensure_ascii=False))
