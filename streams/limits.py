"""How often one address or user may do something, counted in Redis in one step for all processes.

Sign-up, login and mails for a new password have limits of the same kind in allauth, which refuses while Redis is away;
django-axes counts failed logins in PostgreSQL.
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

T = TypeVar("T")
Asking = Callable[[FixedWindowRateLimiter, limits.RateLimitItem], T]


@cache
def _limiter(url: str) -> FixedWindowRateLimiter:
    timeouts = {"socket_connect_timeout": 1, "socket_timeout": settings.STORE_TIMEOUT_S}
    pool = ConnectionPool.from_url(url, **timeouts)
    return FixedWindowRateLimiter(RedisStorage(url, connection_pool=pool, key_prefix="limits"))


@dataclass(frozen=True)
class Limit:
    name: str
    rate: str
    open_without_redis: bool

    def hit(self, who: str) -> bool:
        """Count once more; False where that is too often."""
        return self._ask(lambda limiter, item: limiter.hit(item, self.name, who), self.open_without_redis)

    def allows(self, who: str) -> bool:
        """Whether one more would be allowed: it is not counted."""
        return self._ask(lambda limiter, item: limiter.test(item, self.name, who), self.open_without_redis)

    def wait_s(self, who: str) -> float:
        """Until it is counted anew."""
        return self._ask(lambda limiter, item: limiter.get_window_stats(item, self.name, who).reset_time - time.time(), 0.0)

    def _ask(self, ask: Asking[T], otherwise: T) -> T:
        try:
            return ask(_limiter(settings.CONTROL_REDIS_URL), limits.parse(self.rate))
        except RedisError as error:
            log.warning("%s are not counted: %s", self.name, type(error).__name__)
            return otherwise


# Publishers go on while Redis `control` is away; a key that exists cannot be guessed anyway, what is spared is the look-up.
UNKNOWN_KEYS = Limit("unknown keys", "10/minute", open_without_redis=True)
KEYS_MADE = Limit("new keys", "20/hour", open_without_redis=False)
