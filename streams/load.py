"""Keeps the site within what its encoders can do: stops a transcode where they are late, and has it again when there is room;
leaves out what keeps failing."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from contextlib import suppress

from django.db import transaction
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import announcements, capacity, deferred, leases, logged, metrics, segment_cache, shedding
from streams.advice import Second
from streams.cache_writer import Fenced, Writer
from streams.models import Broadcast
from streams.moments import unix_ms
from streams.shedding import Shed, Watched

log = logging.getLogger(__name__)


def balance(live: Sequence[Broadcast], now: dt.datetime) -> None:
    on = [broadcast for broadcast in live if broadcast.state == Broadcast.State.LIVE and broadcast.connected_at]
    try:
        with transaction.atomic():
            if leases.alone_in_balancing():
                _balance(on, now)
    except RedisError as error:
        log.warning("segments Redis: %s; the next look tries again", type(error).__name__)


def _balance(on: Sequence[Broadcast], now: dt.datetime) -> None:
    ids = [broadcast.pk for broadcast in on]
    watched, changed_at = _watched(on), leases.balanced_at(ids)
    if found := shedding.to_shed(watched, changed_at, now):
        broadcast_id, rendition = found
        with logged.logged(broadcast=broadcast_id, rendition=rendition):
            _shed(broadcast_id, rendition, now)
        return
    gone = [Shed(*row) for row in leases.shed_ones(ids)]
    if gone and (back := shedding.to_return(gone, watched, capacity.room(), changed_at, now)):
        with logged.logged(broadcast=back.broadcast_id, rendition=back.rendition):
            _return(back, now)


def _watched(on: Sequence[Broadcast]) -> list[Watched]:
    async def read(redis: Redis) -> list[list[Second]]:
        return [[*await segment_cache.health(redis, broadcast.pk, shedding.SECONDS)] for broadcast in on]

    encoded = [frozenset(announcements.encoded(broadcast)) for broadcast in on]
    noted = segment_cache.with_segments(read)
    return [Watched(each.pk, names, seconds) for each, names, seconds in zip(on, encoded, noted, strict=True)]


def _shed(broadcast_id: str, rendition: str, now: dt.datetime) -> None:
    log.warning("%s of %s is stopped: the encoders are late", rendition, broadcast_id)
    epoch = leases.shed(broadcast_id, rendition, now)
    _unlist(broadcast_id, rendition, epoch, now)
    metrics.sheds.labels(rendition).inc()


def _return(shed: Shed, now: dt.datetime) -> None:
    log.info("%s of %s comes back: there is room", shed.rendition, shed.broadcast_id)
    leases.bring_back(shed.broadcast_id, shed.rendition, now)
    deferred.encode(shed.broadcast_id, shed.rendition)
    segment_cache.with_segments(lambda redis: segment_cache.list_again(redis, shed.broadcast_id, shed.rendition))
    metrics.returns.labels(shed.rendition).inc()


def give_up(broadcast_id: str, rendition: str, now: dt.datetime) -> None:
    log.error("%s of %s keeps failing: the broadcast goes on without it", rendition, broadcast_id)
    try:
        with transaction.atomic():
            _unlist(broadcast_id, rendition, leases.withdraw(broadcast_id, rendition), now)
    except RedisError as error:
        log.warning("segments Redis: %s; the next look tries again", type(error).__name__)


def _unlist(broadcast_id: str, rendition: str, epoch: int, now: dt.datetime) -> None:
    """Whoever encodes it with a lower epoch is refused."""
    opening = announcements.reopening(Broadcast.objects.get(pk=broadcast_id))

    async def report(redis: Redis) -> None:
        writer = Writer(redis, broadcast_id, rendition, epoch)
        with suppress(Fenced):  # it has ended
            await writer.begin(opening)
            await writer.report(None, unix_ms(now))

    segment_cache.with_segments(report)
