"""Moves what was said from Redis to PostgreSQL, in order and exactly once.

What is written is trimmed from the stream only after the commit: a crash between the two repeats a batch, and the numbers of
the messages (room, epoch, n) keep that from making a second copy. While PostgreSQL is away the stream grows.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q
from redis.asyncio import Redis

from accounts.models import Channel, FormerName, User
from interactions.models import Message
from interactions.room_log import ARCHIVE
from interactions.wire import user_pk
from streams.moments import moment

log = logging.getLogger(__name__)

BATCH = 500
CLEARED = dt.timedelta(hours=24)  # a room that is cleared loses what was said within this time

Deletion = Callable[["Entry"], Q]


class Entry(NamedTuple):
    id: str  # of the stream: MS-N
    room: str
    epoch: str
    n: int
    item: dict[str, Any]

    @property
    def at(self) -> dt.datetime:
        return moment(int(self.id.partition("-")[0]))


async def drain(redis: Redis, write: Callable[[list[Entry]], Awaitable[None]]) -> int:
    """Move everything there is, by calls of WRITE (`store`); returns how many entries."""
    moved = 0
    while batch := await read(redis):
        await write(batch)
        await trim(redis, batch[-1])
        moved += len(batch)
    return moved


async def read(redis: Redis) -> list[Entry]:
    found: Any = await redis.xrange(ARCHIVE, count=BATCH)
    return [_entry(stamp, fields) for stamp, fields in found]


async def trim(redis: Redis, last: Entry) -> None:
    ms, _, number = last.id.partition("-")
    await redis.xtrim(ARCHIVE, minid=f"{ms}-{int(number) + 1}", approximate=False)


def _entry(stamp: bytes, fields: dict[bytes, bytes]) -> Entry:
    room, epoch, n, item = (fields[name].decode() for name in (b"room", b"epoch", b"n", b"item"))
    return Entry(stamp.decode(), room, epoch, int(n), json.loads(item))


@transaction.atomic
def store(batch: list[Entry]) -> None:
    """Messages first: what takes one back comes after it, and says up to where it reaches."""
    channels = _channels({entry.room for entry in batch})
    known = [entry for entry in batch if entry.room in channels]
    if len(known) < len(batch):
        log.warning("archive: %s items of channels that are gone", len(batch) - len(known))
    Message.objects.bulk_create(_messages(known, channels), ignore_conflicts=True)
    for entry in known:
        if entry.item["t"] in DELETIONS:
            concerned = DELETIONS[entry.item["t"]](entry)
            Message.objects.filter(concerned, channel=channels[entry.room]).update(state=Message.State.DELETED)


def _channels(rooms: set[str]) -> dict[str, Channel]:
    """By the names that they had when it was said: a channel may have been renamed since."""
    found = {channel.name: channel for channel in Channel.objects.filter(name__in=rooms)}
    former = FormerName.objects.filter(name__in=rooms - found.keys()).select_related("channel")
    return found | {name.name: name.channel for name in former}


def _messages(entries: list[Entry], channels: dict[str, Channel]) -> list[Message]:
    """But for accounts that are gone: what they said goes with them."""
    said = [(entry, user_pk(entry.item["by"]["id"])) for entry in entries if entry.item["t"] == "msg"]
    users = set(User.objects.filter(pk__in={user for _, user in said}).values_list("pk", flat=True))
    return [_message(entry, user, channels[entry.room]) for entry, user in said if user in users]


def _message(entry: Entry, user: int, channel: Channel) -> Message:
    item = entry.item
    return Message(
        channel=channel,
        epoch=entry.epoch,
        n=entry.n,
        user_id=user,
        text=item["text"],
        at=moment(item["at"]),
        media=item.get("media"),
        re=item.get("re"),
    )


def _taken_back(entry: Entry) -> Q:
    return Q(epoch=entry.epoch, n__in=entry.item["of"])


def _purged(entry: Entry) -> Q:
    """Up to the purge, and not what was said after it: the batch may be a repeated one."""
    before = Q(epoch=entry.epoch, n__lt=entry.n) | ~Q(epoch=entry.epoch) & Q(at__lt=entry.at)
    return Q(user=user_pk(entry.item["user"])) & before


def _cleared(entry: Entry) -> Q:
    return Q(epoch=entry.epoch, n__lt=entry.n, at__gte=entry.at - CLEARED)


DELETIONS: dict[str, Deletion] = {"del": _taken_back, "purge": _purged, "clear": _cleared}
