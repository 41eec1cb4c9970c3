"""What Redis announces to a process: one subscription for all that it follows, taken up again after a fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import logged

log = logging.getLogger(__name__)

QUIET_S = 5
RETRY_S = 0.5

Deliver = Callable[[str, str, bytes | int], Awaitable[None]]  # a kind, a channel, and what was said there


class Subscription:
    """`followed` names the channels, and is asked anew every few seconds.

    Each subscription, the first and those after a fault, is delivered too, as kind "subscribe" or "psubscribe": what was
    announced before it has been missed.
    """

    def __init__(
        self, redis: Redis, store: str, followed: Callable[[], Iterable[str]], deliver: Deliver, *patterns: str
    ) -> None:
        self.store = store
        self._followed, self._deliver, self._patterns = followed, deliver, patterns
        self._pubsub = redis.pubsub()
        self._connecting = asyncio.Lock()  # two who connect at once would get a connection each, and one would go unheard
        self._listening: asyncio.Task[None] | None = None

    def begin(self) -> bool:
        """Listen, to all that is followed by now. False where that has begun before."""
        if self._listening is not None:
            return False
        self._listening = asyncio.create_task(self._listen())
        return True

    async def follow(self, *channels: str) -> None:
        """Raises RedisError."""
        if not self.begin():
            async with self._connecting:
                await self._pubsub.subscribe(*channels)

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._pubsub.aclose()

    async def _listen(self) -> None:
        while True:
            with logged.apart():
                await self._listen_until_it_fails()
            await asyncio.sleep(RETRY_S)

    async def _listen_until_it_fails(self) -> None:
        try:
            await self._hear()
        except RedisError as error:
            log.warning("%s Redis: %s; trying again", self.store, type(error).__name__)
        except Exception:  # what another version announced, say: a process that is deaf would look alive
            log.exception("an announcement was not understood; listening on")

    async def _hear(self) -> None:
        async with self._connecting:
            if self._patterns:
                await self._pubsub.psubscribe(*self._patterns)
            if channels := set(self._followed()):
                await self._pubsub.subscribe(*channels)
        looked_at = time.monotonic()
        while True:
            message = await self._pubsub.get_message(timeout=QUIET_S)
            if message is not None:
                await self._deliver(message["type"], message["channel"].decode(), message["data"])
            if time.monotonic() - looked_at >= QUIET_S:
                looked_at = time.monotonic()
                await self._forget()

    async def _forget(self) -> None:
        """What is no longer followed."""
        async with self._connecting:
            known = {channel.encode() for channel in self._followed()}
            if forgotten := self._pubsub.channels.keys() - known:
                await self._pubsub.unsubscribe(*forgotten)
