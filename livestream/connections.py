"""What a process that serves has of PostgreSQL: making a connection takes longer than most of what is asked by it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections

KEPT = 24  # those of pages, publishers and probes that are at work at a time


def keep() -> None:
    """Before the first is made. Encoders and jobs have one thread that asks, and know at once that PostgreSQL is back."""
    own: dict[str, Any] = connections.settings["default"]
    own["CONN_MAX_AGE"] = 0  # each request gives its own back
    own["OPTIONS"]["pool"] = {
        "min_size": 0,
        "max_size": KEPT,
        "timeout": settings.STORE_TIMEOUT_S,
        "reconnect_timeout": 1,  # whoever comes next has it tried again
    }
