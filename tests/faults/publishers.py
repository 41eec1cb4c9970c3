"""Many publishers, each with a key and an address of its own: they send next to nothing, and come again when cut off."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from tests.e2e.raw_rtmp import ANSWER, CHUNK, STARTED, VIDEO, greeting, message, publishing, reply

AGAIN_S = (1.0, 3.0)  # encoders wait for a moment
LET_IN_S = 15
BEAT_S = 3  # whoever sends nothing for ten is dropped
PICTURE = b"\x17\x01\x00\x00\x00" + b"\x00\x00\x00\x02\x65\x00"  # of an FLV tag: a keyframe of nothing


class Publishers:
    def __init__(self, url: str, keys: Sequence[str], per_second: int) -> None:
        self.url, self.keys, self.per_second = urlsplit(url), keys, per_second
        self.there: dict[int, float] = {}  # number → since when
        self.refused = 0
        self.loop = asyncio.new_event_loop()
        self.running = threading.Thread(target=self.loop.run_until_complete, args=[self._run()])

    def __enter__(self) -> Self:
        self.running.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.over.set)
        self.running.join()
        self.loop.close()

    async def _run(self) -> None:
        self.over = asyncio.Event()
        publishing = [asyncio.create_task(self._stay(number)) for number in range(len(self.keys))]
        await self.over.wait()
        for each in publishing:
            each.cancel()
        await asyncio.gather(*publishing, return_exceptions=True)

    async def _stay(self, number: int) -> None:
        await asyncio.sleep(number / self.per_second)
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._publish(number)
            self.refused += number not in self.there
            self.there.pop(number, None)
            await asyncio.sleep(random.uniform(*AGAIN_S))

    async def _publish(self, number: int) -> None:
        source = (f"127.1.{number >> 8}.{number & 255}", 0)
        reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port, local_addr=source)
        try:
            async with asyncio.timeout(LET_IN_S):
                await self._come_in(reader, writer, self.keys[number])
            self.there[number] = time.monotonic()
            await send_a_little(reader, writer)
        finally:
            writer.close()

    async def _come_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        writer.write(greeting())
        writer.write(reply(await reader.readexactly(ANSWER)))
        writer.write(publishing(self.url.geturl(), self.url.path.strip("/"), key))
        await reader.readuntil(STARTED)


async def send_a_little(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until it is cut off."""
    began = time.monotonic()
    while True:
        writer.write(message(VIDEO, PICTURE, stream=1, at_ms=int((time.monotonic() - began) * 1000)))
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_S):
                while await reader.read(CHUNK):
                    continue
                return
