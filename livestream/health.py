"""What a load balancer asks: is this process alive, and can it do its work?"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from mongoengine.connection import get_db
from pymongo.errors import PyMongoError

TIMEOUT_S = 1
KEPT_S = 1  # whoever asks more often is told the same
AWAY = (DatabaseError, redis.RedisError, PyMongoError)

Stores = dict[str, str]


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; no store is asked."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    stores = LATEST.get(time.monotonic())
    state = "ready" if set(stores.values()) == {"ok"} else "degraded"
    if stores[settings.NEEDED_STORE] != "ok":
        state = "unavailable"
    return JsonResponse({"state": state, "stores": stores}, status=503 if state == "unavailable" else 200)


def postgresql() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # this thread's own


def mongodb() -> None:
    get_db().command("ping")


def ping(url: str) -> None:
    with redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
        client.ping()


def look() -> Stores:
    """All at once: those that are away take their time to show it."""
    checks: dict[str, Callable[[], None]] = {
        "postgresql": postgresql,
        "mongodb": mongodb,
        "redis_segments": partial(ping, settings.SEGMENTS_REDIS_URL),
        "redis_control": partial(ping, settings.CONTROL_REDIS_URL),
    }
    with ThreadPoolExecutor(len(checks)) as pool:
        return dict(zip(checks, pool.map(state, checks.values()), strict=True))


def state(check: Callable[[], None]) -> str:
    """Without the error's words, which name addresses."""
    try:
        check()
    except AWAY as error:
        return f"away: {type(error).__name__}"
    return "ok"


class Latest:
    """What was last seen."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at = float("-inf")
        self._stores: Stores = {}

    def get(self, now: float) -> Stores:
        with self._lock:
            if now - self._at >= KEPT_S:
                self._stores, self._at = look(), time.monotonic()
            return self._stores


LATEST = Latest()
