"""A publisher comes, waits for its encoders, and leaves."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from asgiref.sync import sync_to_async
from django.db import connection
from redis.exceptions import RedisError

from streams import (
    admission,
    announcements,
    broadcasts,
    database_time,
    gate,
    leases,
    limits,
    logged,
    rtmp,
    silence,
)
from streams.addresses import network
from streams.ingest import PublishEvent
from streams.models import Broadcast
from streams.refusals import AlreadyLive, PublishRefused, refuse

log = logging.getLogger(__name__)

LOOK_S = 0.025
LOOKING = 9  # times as long as a look takes, until the next: one that shows hundreds takes long
LATE_LOOK_S = 0.25
READERS_S = 1.0  # how long the publisher waits until its encoders have connected
ENCODER_S = 3.0  # and until any of them has started: the server gives up after 10
AT_A_TIME = 5  # questions to the stores, in each process

P = ParamSpec("P")
T = TypeVar("T")

_asking = asyncio.Semaphore(AT_A_TIME)
_of_network: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


async def publish(event: PublishEvent) -> Broadcast:
    """Whose encoders are there. Raises PublishRefused."""
    broadcast = await _admit(event)
    logged.note(broadcast=broadcast.pk)
    if not await _encoders_ready(broadcast):
        await _asked(_give_up, broadcast, event)
        raise PublishRefused("no_encoder")
    if not await _asked(_still_there, broadcast):
        raise PublishRefused("stopped")
    return broadcast


async def leave(event: PublishEvent) -> bool:
    """False where nothing that is open was its."""
    return bool(await _asked(_leave, event))


async def _admit(event: PublishEvent) -> Broadcast:
    """Where somebody else publishes already: in their place, if they have fallen silent."""
    try:
        return await _opened(event)
    except AlreadyLive as refused:
        first = refused.broadcast
        if not await _is_silent(first):
            raise
    broadcast = await _opened(event, first.session)
    log.info("publisher %s takes the place of %s, which is silent", event.session, first.session)
    try:
        async with rtmp.client() as client:
            await rtmp.drop_publisher(client, first.ingest_name)
    except rtmp.Unreachable as error:  # the reconciler finds it later
        log.warning("%s", error)
    return broadcast


async def _opened(event: PublishEvent, silent: str | None = None) -> Broadcast:
    """One publisher of a network at a time: guesses that come at once are counted as if they had come one after the other."""
    who = _who(event)
    async with _of_network.setdefault(who, asyncio.Lock()) if who else nullcontext():
        return await _asked(_open, event, silent)


async def _is_silent(broadcast: Broadcast) -> bool:
    try:
        return await silence.is_silent(broadcast, await _asked(database_time.now))
    except (rtmp.Unreachable, RedisError) as error:  # it comes again
        log.warning("whether publisher %s is silent is not known: %s", broadcast.session, type(error).__name__)
        return False


async def _encoders_ready(broadcast: Broadcast) -> bool:
    """Wait until every encoder reads the (still silent) stream, so that none misses its first keyframe."""
    began, wanted = time.monotonic(), len(await _asked(announcements.encoded, broadcast))
    while (waited := time.monotonic() - began) < READERS_S:
        looked = time.monotonic()
        if await _readers(broadcast) >= wanted:
            return True
        await asyncio.sleep(max(LOOK_S, LOOKING * (time.monotonic() - looked)))
    while waited < ENCODER_S:
        if await _readers(broadcast) or await _asked(_has_encoder, broadcast):
            return True
        await asyncio.sleep(LATE_LOOK_S)
        waited = time.monotonic() - began
    return False


async def _readers(broadcast: Broadcast) -> int:
    try:
        stream = (await rtmp.sight.streams()).get(broadcast.ingest_name)
    except rtmp.Unreachable as error:  # it is asked again
        log.warning("%s", error)
        return 0
    return stream.readers if stream else 0


async def _asked(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Few at a time; neither a connection to PostgreSQL nor a thread is held while a publisher waits."""

    def ask() -> T:
        try:
            return function(*arguments, **named)
        finally:
            connection.close()

    async with _asking:
        return await sync_to_async(ask, thread_sensitive=False)()


def _open(event: PublishEvent, silent: str | None = None) -> Broadcast:
    who = _who(event)
    try:
        if who and not limits.UNKNOWN_KEYS.allows(who):
            gate.blocks.add(who, limits.UNKNOWN_KEYS.wait_s(who), event.session)
            raise PublishRefused("blocked")
        return admission.open(event, database_time.now(), silent)
    except PublishRefused as refused:
        if who and refused.reason == "unknown_key":
            limits.UNKNOWN_KEYS.hit(who)
        raise


def _who(event: PublishEvent) -> str | None:
    """None for this machine itself: what ends TLS before the RTMP server speaks for everybody."""
    return None if ipaddress.ip_address(event.addr).is_loopback else network(event.addr)


def _leave(event: PublishEvent) -> bool:
    return broadcasts.publisher_left(event.session, database_time.now())


def _has_encoder(broadcast: Broadcast) -> bool:
    return bool(leases.live(broadcast.pk))


def _give_up(broadcast: Broadcast, event: PublishEvent) -> None:
    now = database_time.now()
    broadcasts.lose(broadcast, "no_encoder", now)
    refuse(broadcast.channel_id, "no_encoder", event.addr, now)


def _still_there(broadcast: Broadcast) -> bool:
    there = Broadcast.objects.filter(pk=broadcast.pk, epoch=broadcast.epoch, connected_at__isnull=False)
    return there.filter(state__in=Broadcast.OPEN).exists()
