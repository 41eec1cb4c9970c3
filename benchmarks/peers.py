"""Listeners on WebRTC: python -m benchmarks.peers reads a Plan as JSON, and writes what they saw. None of them talks."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop
from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.listeners import GRACE_S, Plan, Read, Tally

OPEN_S = 20
ADDRESSES = 60_000  # these pages' begin here

ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Peer:
    def __init__(self, plan: Plan, number: int, tally: Tally) -> None:
        self.plan, self.number, self.tally = plan, number, tally
        self.last = 0
        self.upgrade_ms: float | None = None
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def run(self) -> None:
        host, number = self.plan.host, ADDRESSES + self.number
        headers = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", "Origin": f"http://{host}"}
        url = f"ws://{host}/ws/rooms/{self.plan.room}/"
        async with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
            await socket.send(json.dumps({"t": "hello", "v": 1}))
            self.last = (await self.next(socket, "welcome"))["last"]
            await self.upgrade(socket)
            async for text in socket:
                self.take(text)

    async def upgrade(self, socket: ClientConnection) -> None:
        chat = self.connection.createDataChannel("chat")
        rx = self.connection.createDataChannel("rx", ordered=False, maxRetransmits=0)
        opened = asyncio.Event()
        chat.on("open", opened.set)
        chat.on("message", self.take)
        rx.on("message", self.take)
        began = time.monotonic()
        await self.connection.setLocalDescription(await self.connection.createOffer())
        await socket.send(json.dumps({"t": "rtc.offer", "gen": 1, "sdp": self.connection.localDescription.sdp}))
        answer = await self.next(socket, "rtc.answer")
        await self.connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        async with asyncio.timeout(OPEN_S):
            await opened.wait()
        self.upgrade_ms = (time.monotonic() - began) * 1000
        chat.send(json.dumps({"t": "switch", "last": self.last}))

    async def next(self, socket: ClientConnection, kind: str) -> dict[str, Any]:
        async for text in socket:
            for item in json.loads(text):
                if item["t"] == kind:
                    return item
                assert item["t"] != "rtc.fail", item
            self.take(text)
        raise AssertionError(f"no {kind}")

    def take(self, text: str | bytes) -> None:
        now, messages = time.monotonic(), False
        assert isinstance(text, str)
        for item in Read.items(text.encode()):
            if item["t"] == "rx":
                self.tally.reaction_frames += self.plan.begin <= now
            elif item["t"] == "msg" and item["n"] > self.last:
                messages = True
                self.tally.lost += item["n"] - self.last - 1
                self.last = item["n"]
                sent = float(item["text"].split()[1])
                if sent >= self.plan.begin:
                    self.tally.delivered += 1
                    self.tally.waits_ms.append((now - sent) * 1000)
        self.tally.frames += messages and self.plan.begin <= now


async def listen(plan: Plan) -> dict[str, Any]:
    tally = Tally()
    peers = [Peer(plan, number, tally) for number in range(plan.pages)]
    running = []
    for peer in peers:
        running.append(asyncio.create_task(peer.run()))
        await asyncio.sleep(1 / plan.per_second)
    await asyncio.sleep(plan.end + GRACE_S - time.monotonic())
    newest = max(peer.last for peer in peers)
    tally.lost += sum(newest - peer.last for peer in peers)
    upgrades = [peer.upgrade_ms for peer in peers if peer.upgrade_ms is not None]
    for task in running:
        task.cancel()
    return vars(tally) | {"there": len(upgrades), "upgrades_ms": upgrades, "cpu_s": time.process_time()}


def main() -> None:
    json.dump(uvloop.run(listen(Plan(**json.load(sys.stdin)))), sys.stdout)


if __name__ == "__main__":
    main()
