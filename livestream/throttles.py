"""How often the API may be asked. While Redis is away, everybody is let through."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.staff import address
from streams.addresses import network
from streams.limits import Limit


class PerMinute(BaseThrottle):
    """Whoever has an account is counted as that, by whatever token or session; others by their address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.who, most = limit_of(request)
        self.limit = Limit("requests to the API", f"{most}/minute", open_without_redis=True)
        return self.limit.hit(self.who)

    def wait(self) -> float:
        return max(1, self.limit.wait_s(self.who))


def limit_of(request: Request) -> tuple[str, int]:
    if request.user and request.user.is_authenticated:
        return f"user:{request.user.pk}", settings.API_USER_PER_MINUTE
    return f"address:{network(address(request._request) or '')}", settings.API_ANONYMOUS_PER_MINUTE
