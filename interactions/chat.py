"""What all connections of one process share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property

from channels.db import database_sync_to_async
from django.conf import settings

from interactions import identity
from interactions.hub import Hub
from interactions.limits import Paces
from interactions.openings import Openings
from interactions.peer import Peers
from interactions.room_log import Restored
from interactions.speech import Moderation
from streams.addresses import PerAddress
from streams.cache_client import control

IDENTIFIED_AT_A_TIME = 2  # by PostgreSQL, in one thread

Who = Callable[[identity.Scope], Awaitable[int | None]]


class Chat:
    """WHO tells the user of a connection's scope, if there is one."""

    def __init__(self, moderation: Moderation, who: Who = identity.user_pk) -> None:
        self.moderation, self.who = moderation, who
        self.sockets = PerAddress(settings.CHAT_SOCKETS_PER_ADDRESS)
        self.paces = Paces(settings.CHAT_SOCKETS_PER_ADDRESS)
        # After a restart all come at once: each waits for its turn here, where it is seen when it has left meanwhile.
        self.turns = asyncio.Semaphore(IDENTIFIED_AT_A_TIME)
        self.peers = Peers(settings.CHAT_PEERS)

    @cached_property
    def hub(self) -> Hub:
        return Hub(control(), self._restored)

    @cached_property
    def openings(self) -> Openings:
        return Openings(self.hub.redis, settings.CHAT_SOCKETS_PER_ADDRESS)

    async def _restored(self, room: str) -> Restored:
        return await database_sync_to_async(self.moderation.restored)(room)
