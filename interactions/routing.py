"""Which WebSocket path is what. Only the site's own pages may open one: browsers send cookies along from everywhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.urls import re_path

from interactions.chat import Chat
from interactions.consumers import RoomConsumer


class Application:
    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.deny = WebsocketDenier.as_asgi()
        room = re_path(r"^ws/rooms/(?P<name>[a-z0-9_]{3,30})/$", RoomConsumer.as_asgi(chat=chat))
        self.router = URLRouter([room, re_path("", self.deny)])

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"origin")}
        trusted = is_trusted(headers.get(b"origin", ""), headers.get(b"host", ""))
        await (self.router if trusted else self.deny)(scope, receive, send)


def is_trusted(origin: str, host: str) -> bool:
    """As Django's CSRF check: a page of the host that is asked, or of one that the settings name."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        same = urlsplit(origin).netloc == host != ""
    except ValueError:
        return False
    return same and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
