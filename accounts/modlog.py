"""Writes the moderation log."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounts.models import Channel, ModAction, User


def write(
    code: ModAction.Code,
    by: User,
    channel: Channel | None,
    now: dt.datetime,
    *,
    user: User | None = None,
    reason: str = "",
    **detail: Any,
) -> None:
    """In the transaction of what it tells of."""
    ModAction.objects.create(
        code=code,
        channel=channel,
        channel_name=channel.name if channel else "",
        by=by,
        by_name=by.called,
        user=user,
        user_name=user.called if user else "",
        detail=detail,
        reason=reason,
        at=now,
    )
