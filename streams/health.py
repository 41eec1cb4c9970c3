"""How a broadcast is doing: what its source's last seconds were like, as its streamer's graphs show them.

The seconds are kept in Redis by the source's job, so that a page which is loaded again has the last ten minutes at once.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import advice, audience, leases, logged, segment_cache
from streams.ladder import BY_NAME, Profile, fits, ladder
from streams.models import Broadcast
from streams.segment_cache import with_segments

log = logging.getLogger(__name__)

Figures = dict[str, dict[str, Any]]  # by rendition

FEW = 20  # seconds that are read where no more can be new


def advice_of(broadcast: Broadcast) -> list[str]:
    """Of what is sent now; what was last written down where nothing is, or while Redis does not answer."""
    if not broadcast.is_open:
        return list(broadcast.advice)
    figures, seconds = _lately(broadcast)
    told = advice.of(figures, seconds) if figures else list(broadcast.advice)
    left_out = [*leases.left_out(broadcast.pk), *(("cut_quality", rendition) for rendition in cut(broadcast, figures))]
    return told + [f"{code}:{rendition}" for code, rendition in left_out]


def _lately(broadcast: Broadcast) -> tuple[Figures, list[dict[str, Any]]]:
    """Nothing while Redis does not answer."""
    try:
        return with_segments(lambda redis: segment_cache.measured_lately(redis, broadcast.pk, advice.SECONDS))
    except RedisError as error:
        with logged.logged(broadcast=broadcast.pk):
            log.warning("broadcast %s cannot be looked at: %s", broadcast.pk, type(error).__name__)
        return {}, []


def cut(broadcast: Broadcast, figures: Figures) -> list[str]:
    """The renditions for which there was no room when it began; while its size is not known, those that are made of any."""
    profile = Profile(**broadcast.profile) if broadcast.profile else None
    source = figures.get("source", {})
    size = profile.size if profile else min(source.get("width", 0), source.get("height", 0))
    wanted = ladder(profile, settings.LARGEST_TRANSCODE)
    return [name for name in wanted if name not in broadcast.ladder and (name not in BY_NAME or fits(BY_NAME[name], size))]


def look(broadcast_id: str, after_ms: int, now_ms: int) -> tuple[list[dict[str, Any]], int]:
    """The seconds that came after a time (Unix ms), the newest last, and how many watch: two round trips. Raises RedisError."""
    newest = FEW if now_ms - after_ms < FEW * 500 else segment_cache.HEALTH_SAMPLES

    async def read(redis: Redis) -> tuple[list[dict[str, Any]], dict[str, int]]:
        seconds = await segment_cache.health(redis, broadcast_id, newest)
        return seconds, await audience.watching(redis, [broadcast_id], now_ms)

    seconds, viewers = with_segments(read)
    return [shown(each) for each in seconds if each["at_ms"] > after_ms], viewers[broadcast_id]


def shown(second: advice.Second) -> dict[str, Any]:
    lags = {name: advice.lag_s(second, name) for name in second["ends"]}
    return {
        **{name: second[name] for name in ("at_ms", "kbit_s", "fps", "gop_s", "reorder_ms")},
        "drift_ms": advice.drift_ms(second),
        "lag_s": {name: round(lag, 2) for name, lag in lags.items() if lag is not None},
        "audio_kbit_s": (second["audio"] or {}).get("kbit_s"),
    }
