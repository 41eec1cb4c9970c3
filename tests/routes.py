"""Every route of the site, with what its parts can be filled with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RoutePattern

PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^()]*(?:\([^()]*\))?[^()]*\)")


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
