"""Moments as Redis and players have them: Unix milliseconds."""

from __future__ import annotations

import datetime as dt


def unix_ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def moment(unix_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_ms / 1000, tz=dt.UTC)
