"""What time it is: by the database's clock, which all processes share, whatever their own machines' clocks say."""

from __future__ import annotations

import datetime as dt
import time

from django.db import connection

from streams.moments import unix_ms

LATE_MS = 3000  # so long may the answer of a database take: after that its clients give up


def now() -> dt.datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


class DatabaseTime:
    """As a process has it between two looks, and while the database is away: it goes on as time does."""

    def __init__(self, now: dt.datetime) -> None:
        self._ahead_ms = ahead_ms(now)

    def set(self, now: dt.datetime) -> None:
        """What was answered soonest is right, unless the database's clock was set back."""
        ahead = ahead_ms(now)
        if not 0 <= self._ahead_ms - ahead <= LATE_MS:
            self._ahead_ms = ahead

    def now_ms(self) -> int:
        return round(self._ahead_ms + time.monotonic() * 1000)


def ahead_ms(now: dt.datetime) -> float:
    return unix_ms(now) - time.monotonic() * 1000
