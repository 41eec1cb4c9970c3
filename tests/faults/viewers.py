"""Viewers, light enough for fifty of them: they notice what people would."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks import answers

PATIENCE_S = 15
CALM_S = 0.5  # before what went wrong is tried again


@dataclass
class Viewer:
    """Follows one rendition as hls.js does: the list that has the next part, held until there is one, then the part."""

    playlist: str
    errors: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    moved_at: float = 0
    stood_s: float = 0  # for how long no part came, at most

    async def watch(self) -> None:
        address = urlsplit(self.playlist)
        self.folder, self.tail = address.path.rpartition("/")[0], f" HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
        self.wanted: tuple[int, int] | None = None
        self.query = ""
        while True:
            try:
                self.reader, self.writer = await asyncio.open_connection(address.hostname, address.port)
                while True:
                    await self._follow()
            except (OSError, EOFError) as error:
                self.errors[f"{type(error).__name__} {error}"] += 1
            await asyncio.sleep(CALM_S)

    async def _follow(self) -> None:
        listed = answers.read((await self._get(f"playlist.m3u8{self.query}")).decode())
        new = listed.since(*self.wanted) if self.wanted else []
        self.query, self.wanted = listed.query(), (listed.msn, listed.part)
        for part in new:
            await self._get(part)
            self._moved(time.monotonic())

    async def _get(self, name: str) -> bytes:
        self.writer.write(f"GET {self.folder}/{name}{self.tail}".encode())
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:])}
            body = await self._body(headers.get("content-length"))
        if " 200 " not in head[0]:
            raise ConnectionError(head[0])
        return body

    async def _body(self, length: str | None) -> bytes:
        if length is not None:
            return await self.reader.readexactly(int(length))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return body

    def _moved(self, now: float) -> None:
        self.stood_s = max(self.stood_s, now - self.moved_at if self.parts else 0)
        self.parts, self.moved_at = self.parts + 1, now

    @property
    def longest_s(self) -> float:
        """For how long no part came, now or before."""
        return max(self.stood_s, time.monotonic() - self.moved_at)
