"""What a room asks of PostgreSQL: who speaks, what holds there, and what is done with frames that need a decision."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from accounts.models import Channel, User
from interactions import held, messages, reports, restrictions, room_settings
from interactions.enforcement import restored
from interactions.protocol import Mod, Refused, Report, Say
from interactions.rules import Author
from interactions.standing import author, channel_of, user_of

__all__ = ["act", "author", "hold", "queue", "report", "restored"]

Args = Mapping[str, Any]
Act = Callable[[User, Channel, Args, dt.datetime], None]

ACTIONS: dict[str, Act] = {
    "delete": lambda by, channel, args, now: messages.delete(by, channel, args["of"], now),
    "purge": lambda by, channel, args, now: messages.purge(by, channel, user_of(args["user"]), now),
    "clear": lambda by, channel, args, now: messages.clear(by, channel, now),
    "pin": lambda by, channel, args, now: messages.pin(by, channel, args["of"], now),
    "unpin": lambda by, channel, args, now: messages.unpin(by, channel, now),
    "timeout": lambda by, channel, args, now: restrictions.timeout(
        by, channel, user_of(args["user"]), args["seconds"], now, args.get("reason", "")
    ),
    "ban": lambda by, channel, args, now: restrictions.ban(by, channel, user_of(args["user"]), now, args.get("reason", "")),
    "absolve": lambda by, channel, args, now: restrictions.absolve(by, channel, user_of(args["user"]), now),
    "site_ban": lambda by, channel, args, now: restrictions.ban(by, None, user_of(args["user"]), now, args.get("reason", "")),
    "site_absolve": lambda by, channel, args, now: restrictions.absolve(by, None, user_of(args["user"]), now),
    "approve": lambda by, channel, args, now: held.approve(by, channel, args["id"], now),
    "deny": lambda by, channel, args, now: held.deny(by, channel, args["id"], now),
    "role": lambda by, channel, args, now: room_settings.set_role(by, channel, user_of(args["user"]), args["role"], now),
    "set": lambda by, channel, args, now: room_settings.change(by, channel, args["settings"], now),
    "shield": lambda by, channel, args, now: room_settings.shield(by, channel, args["on"], now),
}


def act(room: str, author: Author, frame: Mod, now: dt.datetime) -> None:
    """Raises Refused. Rights are looked up anew: they may have changed since the author came."""
    ACTIONS[frame.do](_user(author), channel_of(room), frame.args, now)


def report(room: str, author: Author, frame: Report, now: dt.datetime) -> None:
    reports.report(room, _user(author), frame.of, frame.reason, now)


def hold(room: str, author: Author, frame: Say, reason: str, now: dt.datetime) -> None:
    held.hold(room, _user(author), frame, reason, now)


def queue(room: str) -> list[dict[str, Any]]:
    """What waits for the moderators of the room, as items."""
    return held.waiting(channel_of(room))


def _user(author: Author) -> User:
    user = User.objects.filter(pk=author.id, is_active=True).select_related("channel").first()
    if user is None:
        raise Refused("sign_in")
    return user
