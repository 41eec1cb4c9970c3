"""What a player tells of itself, every quarter of a minute."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

LONGEST_BYTES = 512
VIEWER = re.compile(r"[0-9a-f]{16}")
RENDITION = re.compile(r"[a-z0-9]{1,16}")
WATCHED_S = 90  # since the last one: browsers let hidden pages wait for a minute
BEHIND_MS = 120_000
BUFFER_MS = 120_000
STALLS = 100


class BadBeacon(Exception):
    """Its text is for whoever writes a player."""


@dataclass(frozen=True, slots=True)
class Beacon:
    viewer: str  # random, made anew for each page
    watched_ms: int  # since the last one
    stalls: int  # since the last one
    rendition: str | None
    latency_ms: int | None
    buffer_ms: int | None
    leaves: bool


def parse(body: bytes) -> Beacon:
    """Raises BadBeacon."""
    if len(body) > LONGEST_BYTES:
        raise BadBeacon(f"A beacon has {LONGEST_BYTES} bytes at most")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadBeacon("A beacon is a JSON object") from error
    if not isinstance(fields, dict):
        raise BadBeacon("A beacon is a JSON object")
    viewer, rendition = _matching(fields, "viewer", VIEWER), _matching(fields, "rendition", RENDITION)
    if viewer is None:
        raise BadBeacon("viewer is missing: 16 hexadecimal digits, random, the same for as long as the page is open")
    return Beacon(
        viewer=viewer,
        watched_ms=_number(fields, "watched_ms", WATCHED_S * 1000) or 0,
        stalls=_number(fields, "stalls", STALLS) or 0,
        rendition=rendition,
        latency_ms=_number(fields, "latency_ms", BEHIND_MS),
        buffer_ms=_number(fields, "buffer_ms", BUFFER_MS),
        leaves=fields.get("leaves") is True,
    )


def _number(fields: dict[str, Any], name: str, most: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= most:
        raise BadBeacon(f"{name} is a whole number from 0 to {most}")
    return value


def _matching(fields: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadBeacon(f"{name} matches {pattern.pattern}")
    return value
