"""What MongoDB holds of reactions, in its portable subset: access by `_id`, updates of one document by `$inc`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

import mongoengine as me

HOUR_S = 3600


class ReactionHeat(me.Document):
    """One hour of one broadcast."""

    id = me.StringField(primary_key=True)  # BROADCAST:HOUR, counted from its start
    # second of the hour → emoji → how often
    seconds = me.DictField()

    meta: ClassVar[dict[str, Any]] = {"collection": "reaction_heat", "auto_create_index": False}

    @classmethod
    def add(cls, broadcast_id: str, counts: Mapping[tuple[int, str], int]) -> None:
        """COUNTS: (second of the broadcast, emoji) → how often."""
        hours: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for (second, emoji), count in counts.items():
            hours[second // HOUR_S][f"seconds.{second % HOUR_S}.{emoji}"] += count
        for hour, increments in hours.items():
            cls._get_collection().update_one({"_id": f"{broadcast_id}:{hour}"}, {"$inc": dict(increments)}, upsert=True)

    @classmethod
    def of(cls, broadcast_id: str, hour: int) -> dict[int, dict[str, int]]:
        found = cls.objects(id=f"{broadcast_id}:{hour}").first()
        return {int(second): dict(counts) for second, counts in found.seconds.items()} if found else {}
