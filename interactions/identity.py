"""Who opens a socket: whoever the session cookie says has signed in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from channels.auth import get_user
from django.conf import settings

Scope = Mapping[str, Any]


def session_key(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
            except CookieError:
                continue
            if found:
                return found.value
    return None


def fingerprint(key: str) -> str:
    """Names a session where its key has no business."""
    return hashlib.sha256(key.encode()).hexdigest()


async def user_pk(scope: Scope) -> int | None:
    """None for whoever is not signed in. Raises django.db.Error while PostgreSQL is away."""
    key = session_key(scope)
    if key is None:
        return None
    store = import_module(settings.SESSION_ENGINE).SessionStore
    user = await get_user({"session": store(key)})
    return user.pk if user.is_authenticated and user.is_active else None
