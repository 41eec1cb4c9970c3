"""How often the API may be asked. Counts in Redis, each atomically; while Redis is away, everybody is let through."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.staff import address
from streams.addresses import network

WINDOW_S = 60


class PerMinute(BaseThrottle):
    """Whoever has an account is counted as that, by whatever token or session; others by their address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.now = time.time()
        who, most = limit_of(request)
        key = f"api:{who}:{int(self.now // WINDOW_S)}"
        cache.add(key, 0, 2 * WINDOW_S)
        count = cache.incr(key)
        return count is None or count <= most

    def wait(self) -> float:
        return WINDOW_S - self.now % WINDOW_S


def limit_of(request: Request) -> tuple[str, int]:
    if request.user and request.user.is_authenticated:
        return f"user:{request.user.pk}", settings.API_USER_PER_MINUTE
    return f"address:{network(address(request._request) or '')}", settings.API_ANONYMOUS_PER_MINUTE
