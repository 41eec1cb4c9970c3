"""Every route of the site: its address, and how it is asked without a trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RoutePattern

PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^()]*(?:\([^()]*\))?[^()]*\)")
NONE = "0"  # no row has this key
WHO = ("anonymous", "other", "moderator", "owner")


@dataclass(frozen=True)
class Route:
    pattern: str
    view: Any

    def filled(self, parts: dict[str, str]) -> str:
        return "/" + PART.sub(lambda found: parts[found[1] or found[2]], self.pattern).replace("^", "").rstrip("$")

    @property
    def methods(self) -> list[str]:
        """Those that are asked for: what a view of the API has, GET and POST elsewhere."""
        view = getattr(self.view, "view_class", None)
        if self.pattern.startswith("api/v1/"):
            return [name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)]
        return ["GET", "POST"]


def routes(resolver: Any = None, before: str = "") -> Iterator[Route]:
    for each in (resolver or get_resolver()).url_patterns:
        pattern = before + (str(each.pattern) if isinstance(each.pattern, RoutePattern) else each.pattern.regex.pattern)
        if isinstance(each, URLPattern):
            yield Route(pattern, each.callback)
        else:
            yield from routes(each, pattern)


ROUTES = {route.pattern: route for route in routes()}


def filled(route: Route, parts: dict[str, str]) -> str:
    admin = route.pattern.split("/")
    own = {
        "pk": parts["scheduledbroadcast"] if "schedule" in route.pattern else NONE,
        "object_id": parts.get(admin[2], NONE) if len(admin) > 2 else NONE,
        "id": parts["user"],
        "content_type_id": "1",
        "secret": settings.RTMP_HOOK_SECRET,
        "boot": "boot",
        "path": "avatars/no-such-picture.webp",
        "token": "none",
        "key": "none",
        "uidb36": "1",
        "verb": "suspend",
        "app_label": "accounts",
        "url": "nowhere/",
        "code": "de",
        "version": "none",
    }
    if route.pattern == "admin/act/<slug:verb>/<slug:pk>/":
        own["pk"] = parts["channel"]
    return route.filled(parts | own)


def again(person: Client) -> Client:
    """As they were, whatever became of their cookies since."""
    client = Client(raise_request_exception=False)
    client.cookies.load({name: each.value for name, each in person.cookies.items()})
    return client


@contextmanager
def undone() -> Iterator[None]:
    """What is asked leaves no trace, so that everybody asks the same site."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
