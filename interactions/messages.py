"""What moderators do with what was said: take it back, pin it. Each change and its log entry are one transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from django.db import transaction

from accounts import modlog
from accounts.models import Channel, ModAction, User
from interactions import held, room_log
from interactions.enforcement import append_on_commit, ask
from interactions.models import Message
from interactions.protocol import Refused
from interactions.standing import require, require_over, wire_id
from interactions.wire import user_pk
from streams.moments import moment

Code = ModAction.Code


class Said(NamedTuple):
    """A message, wherever it is found."""

    epoch: str
    n: int
    author: User | None  # None: the account is gone
    name: str
    text: str
    at: dt.datetime


def epoch_of(channel: Channel) -> str:
    """Of the room's log; empty where there is none."""
    return ask(lambda redis: room_log.state(redis, channel.name)).epoch


def find(channel: Channel, n: int, epoch: str) -> Said:
    """In the log, else in the archive. Raises Refused: not_found, busy."""
    item = ask(lambda redis: room_log.message(redis, channel.name, n)) if epoch == epoch_of(channel) else None
    if item and item["t"] == "msg":
        return _of_item(item, epoch)
    found = Message.objects.filter(channel=channel, epoch=epoch, n=n).select_related("user__channel").first()
    if found is None:
        raise Refused("not_found")
    return Said(epoch, n, found.user, found.user_name, found.text, found.at)


def _of_item(item: dict[str, Any], epoch: str) -> Said:
    author = User.objects.filter(pk=user_pk(item["by"]["id"])).select_related("channel").first()
    at = moment(item["at"])
    return Said(epoch, item["n"], author, item["by"]["name"], item["text"], at)


def delete(by: User, channel: Channel, n: int, now: dt.datetime, epoch: str | None = None) -> None:
    """One message; without an EPOCH, of the log that the room has now."""
    require(by, channel, now)
    current = epoch_of(channel)
    said = find(channel, n, current if epoch is None else epoch)
    if said.author and said.author != by:
        require_over_message(by, said.author, channel, now)
    with transaction.atomic():
        Message.objects.filter(channel=channel, epoch=said.epoch, n=n).update(state=Message.State.DELETED)
        modlog.write(Code.DELETE, by, channel, now, user=said.author, n=n, epoch=said.epoch, text=said.text)
        if said.epoch == current:
            append_on_commit(channel, {"t": "del", "of": [n]})


def require_over_message(by: User, author: User, channel: Channel, now: dt.datetime) -> None:
    """The site's moderators answer for what stands on the site, even where its owner has said it."""
    if author.pk == channel.owner_id and require(by, channel, now) > require(author, channel, now):
        return
    require_over(by, author, channel, now)


def purge(by: User, channel: Channel, user: User, now: dt.datetime) -> None:
    """Everything that the user has said in the room, or wanted to."""
    require_over(by, user, channel, now)
    with transaction.atomic():
        modlog.write(Code.PURGE, by, channel, now, user=user, **held.withdraw(user, channel))
        append_on_commit(channel, {"t": "purge", "user": wire_id(user)})


def clear(by: User, channel: Channel, now: dt.datetime) -> None:
    """What the room shows."""
    require(by, channel, now)
    with transaction.atomic():
        modlog.write(Code.CLEAR, by, channel, now)
        append_on_commit(channel, {"t": "clear"})


def pin(by: User, channel: Channel, n: int, now: dt.datetime) -> None:
    require(by, channel, now)
    item = ask(lambda redis: room_log.message(redis, channel.name, n))
    if item is None or item["t"] != "msg":
        raise Refused("not_found")
    with transaction.atomic():
        modlog.write(Code.PIN, by, channel, now, n=n, text=item["text"])
        append_on_commit(channel, {"t": "pin", "of": n, "msg": item})


def unpin(by: User, channel: Channel, now: dt.datetime) -> None:
    require(by, channel, now)
    with transaction.atomic():
        modlog.write(Code.UNPIN, by, channel, now)
        append_on_commit(channel, {"t": "pin", "of": None})
