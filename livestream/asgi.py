"""One application for every pool; the edge decides which paths come here."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "livestream.settings")
django.setup(set_prefix=False)

from interactions import moderation  # noqa: E402  what follows needs the settings
from interactions.chat import Chat  # noqa: E402
from interactions.routing import Application  # noqa: E402
from livestream.pages import Pages  # noqa: E402
from streams import webhooks  # noqa: E402
from streams.origin import Origin  # noqa: E402

pages = Pages()
origin = Origin()
chat = Application(Chat(moderation))


async def application(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    if scope["type"] == "http" and scope["path"].startswith(("/hls/", "/live/")):
        await origin(scope, receive, send)
    elif scope["type"] == "websocket":
        await chat(scope, receive, send)
    elif scope["type"] == "http" and scope["path"].startswith(webhooks.PATH):
        await webhooks.hook(scope, receive, send)
    else:
        await pages(scope, receive, send)
