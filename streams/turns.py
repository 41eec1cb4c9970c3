"""So many at a time in a process; whoever would wait too long is told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class NoTurn(Exception):
    """All were taken for as long as one may wait."""


class Turns:
    def __init__(self, at_a_time: int, patience_s: float) -> None:
        self.patience_s = patience_s
        self._free = asyncio.Semaphore(at_a_time)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """In the order in which they came. Raises NoTurn."""
        try:
            async with asyncio.timeout(self.patience_s):
                await self._free.acquire()
        except TimeoutError:
            raise NoTurn from None
        try:
            yield
        finally:
            self._free.release()
