"""How users and moments are written on the wire: "u17", and Unix milliseconds."""

from __future__ import annotations

import datetime as dt


def user_id(pk: int) -> str:
    return f"u{pk}"


def user_pk(user_id: str) -> int:
    return int(user_id.removeprefix("u"))


def unix_ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def moment(unix_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_ms / 1000, tz=dt.UTC)
