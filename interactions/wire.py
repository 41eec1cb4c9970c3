"""How users are written on the wire: "u17"."""

from __future__ import annotations


def user_id(pk: int) -> str:
    return f"u{pk}"


def user_pk(user_id: str) -> int:
    return int(user_id.removeprefix("u"))
