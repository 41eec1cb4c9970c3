"""What comes by a connection's data channels, which nobody can ask to wait, until it is its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from interactions.peer import Peer

FRAMES = 32


class Full(Exception):
    """More comes than can be answered."""


class Inbox:
    """HEAR is given one frame after the other; what it raises goes to FAILED."""

    def __init__(self, hear: Callable[[str | bytes, Peer], Awaitable[None]], failed: Callable[[], None]) -> None:
        self._hear, self._failed = hear, failed
        self._frames: asyncio.Queue[tuple[Peer, str | bytes]] = asyncio.Queue(FRAMES)
        self._reading: asyncio.Task[None] | None = None

    def put(self, source: Peer, data: str | bytes) -> None:
        """Raises Full."""
        try:
            self._frames.put_nowait((source, data))
        except asyncio.QueueFull as error:
            raise Full from error
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while True:
            source, data = await self._frames.get()
            try:
                await self._hear(data, source)
            except Exception:
                self._failed()

    def close(self) -> None:
        if self._reading:
            self._reading.cancel()
