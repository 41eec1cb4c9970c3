"""How often one address or user may do something, counted in Redis in one step for all processes.

The site has no other: `accounts.limits` says what holds at sign-up, login and the account's pages, `livestream.throttles` for
the API, `interactions.openings` for chat sockets; unknown stream keys and new ones are here. django-axes counts elsewhere:
failed logins, in PostgreSQL, to stop who guesses too slowly for these.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import limits
from django.conf import settings
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import ConnectionPool
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

PREFIX = "limits"  # of the keys in Redis

T = TypeVar("T")
Asking = Callable[[FixedWindowRateLimiter, limits.RateLimitItem], T]


@cache
def _pool(url: str) -> ConnectionPool:
    return ConnectionPool.from_url(url, socket_connect_timeout=1, socket_timeout=settings.STORE_TIMEOUT_S)


@cache
def _limiter(url: str, prefix: str) -> FixedWindowRateLimiter:
    return FixedWindowRateLimiter(RedisStorage(url, connection_pool=_pool(url), key_prefix=prefix))


@dataclass(frozen=True)
class Limit:
    """While Redis is away it is open, or raises RedisError: then nobody does what cannot be counted."""

    name: str
    rate: str
    open_without_redis: bool

    def hit(self, who: str) -> bool:
        """Count once more; False where that is too often."""
        return self._ask(lambda limiter, item: limiter.hit(item, self.name, who), True)

    def give_back(self, who: str) -> None:
        """What was counted last does not count."""
        self._ask(lambda limiter, item: limiter.hit(item, self.name, who, cost=-1), True)

    def forget(self, who: str) -> None:
        self._ask(lambda limiter, item: limiter.clear(item, self.name, who), None)

    def allows(self, who: str) -> bool:
        """Whether one more would be allowed: it is not counted."""
        return self._ask(lambda limiter, item: limiter.test(item, self.name, who), True)

    def wait_s(self, who: str) -> float:
        """Until it is counted anew."""
        return self._ask(lambda limiter, item: limiter.get_window_stats(item, self.name, who).reset_time - time.time(), 0.0)

    def _ask(self, ask: Asking[T], otherwise: T) -> T:
        try:
            return ask(_limiter(settings.CONTROL_REDIS_URL, PREFIX), limits.parse(self.rate))
        except RedisError as error:
            if not self.open_without_redis:
                raise
            log.warning("%s are not counted: %s", self.name, type(error).__name__)
            return otherwise


# Publishers go on while Redis `control` is away; a key that exists cannot be guessed anyway, what is spared is the look-up.
UNKNOWN_KEYS = Limit("unknown keys", "10/minute", open_without_redis=True)
KEYS_MADE = Limit("new keys", "20/hour", open_without_redis=False)
