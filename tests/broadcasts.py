"""Broadcasts in any state, without a publisher."""

from __future__ import annotations

from typing import Any

from accounts.models import Channel
from streams.models import Broadcast


def broadcast_of(channel: Channel, state: str, **fields: Any) -> Broadcast:
    given = {"session": "boot:1", "ingest_name": "ingest", "key_hash": "hash", "ladder": ["source"]} | fields
    return Broadcast.objects.create(channel=channel, state=state, **given)
