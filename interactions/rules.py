"""Who may say what in a room: a message is let through, held for a moderator, or refused."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from interactions import text
from interactions.protocol import Refused

EMOJI = ("👍", "❤️", "😂", "🎉", "😮", "👏")
TRUSTED_FOLLOW = dt.timedelta(minutes=10)  # whoever follows for this long
TRUSTED_ACCOUNT = dt.timedelta(days=1)  # and has an account of this age may post links
SHIELD_SLOW_S = 10
SHIELD_FOLLOW_S = 600

LONGEST_SLOW_S = 600
LONGEST_FOLLOW_S = 90 * 24 * 3600
MOST_EMOJI = 12
MOST_DOMAINS = 100
DOMAIN = re.compile(r"(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}")

MODERATORS = ("owner", "mod", "staff")
ROLES = (*MODERATORS, "vip")


@dataclass(frozen=True, slots=True)
class Settings:
    """A room's. The last two are for the server's eyes."""

    slow_s: int = 0
    followers_only_s: int | None = None  # 0: any follower
    emote_only: bool = False
    hold_links: str = "untrusted"  # or "nobody"
    shield: bool = False
    delay_to_picture: bool = True
    emoji: tuple[str, ...] = EMOJI
    terms: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()  # links there are held from nobody

    @classmethod
    def of(cls, public: Mapping[str, Any], private: Mapping[str, Any]) -> Settings:
        """From what Redis holds; what it does not know is left at its default."""
        known: dict[str, Any] = {name: value for name, value in {**public, **private}.items() if name in cls.__slots__}
        for name in ("emoji", "terms", "domains"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)

    def public(self) -> dict[str, Any]:
        """What everybody in the room may know."""
        fields = asdict(self)
        del fields["terms"], fields["domains"]
        return fields | {"emoji": list(self.emoji)}

    def private(self) -> dict[str, Any]:
        return {"terms": list(self.terms), "domains": list(self.domains)}


@dataclass(frozen=True, slots=True)
class Author:
    id: int
    name: str
    role: str | None  # owner, mod, vip, staff (moderates the whole site)
    follows_since: dt.datetime | None
    joined_at: dt.datetime

    def is_trusted(self, now: dt.datetime) -> bool:
        if self.role in ROLES:
            return True
        follows = self.follows_since is not None and now - self.follows_since >= TRUSTED_FOLLOW
        return follows and now - self.joined_at >= TRUSTED_ACCOUNT


@dataclass(frozen=True, slots=True)
class Allow:
    pass


@dataclass(frozen=True, slots=True)
class Hold:
    reason: str  # a code: links


def effective(settings: Settings) -> Settings:
    """What is in force: the shield is stricter than what it covers."""
    if not settings.shield:
        return settings
    slow_s = max(settings.slow_s, SHIELD_SLOW_S)
    return replace(settings, slow_s=slow_s, followers_only_s=max(settings.followers_only_s or 0, SHIELD_FOLLOW_S))


def slow_s(settings: Settings, role: str | None) -> int:
    """The least time between two messages of one author."""
    return 0 if role in ROLES else effective(settings).slow_s


def judge(settings: Settings, author: Author, said: str, now: dt.datetime) -> Allow | Hold:
    """Everything that can be decided without looking at other messages. Raises Refused: followers, shield, emote_only, term."""
    if author.role in MODERATORS:
        return Allow()
    if author.role != "vip":
        _refuse_strangers(settings, author, now)
        if settings.emote_only and not text.is_emoji_only(said):
            raise Refused("emote_only")
    if settings.terms and text.contains(said, _compiled(settings.terms)):
        raise Refused("term")
    return Hold("links") if _holds_links(settings, author, said, now) else Allow()


def _refuse_strangers(settings: Settings, author: Author, now: dt.datetime) -> None:
    follows = now - author.follows_since if author.follows_since else None
    for limit_s, code in ((settings.followers_only_s, "followers"), (effective(settings).followers_only_s, "shield")):
        if limit_s is None:
            continue
        if follows is None:
            raise Refused(code)
        wait = dt.timedelta(seconds=limit_s) - follows
        if wait > dt.timedelta():
            raise Refused(code, wait_ms=max(1, wait // dt.timedelta(milliseconds=1)))


def _holds_links(settings: Settings, author: Author, said: str, now: dt.datetime) -> bool:
    held_from_all = settings.shield and author.role not in ROLES
    if not held_from_all and (settings.hold_links == "nobody" or author.is_trusted(now)):
        return False
    return any(not text.belongs_to(host, settings.domains) for host in text.link_hosts(said))


@lru_cache(maxsize=256)  # rooms whose terms are in use
def _compiled(terms: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(found for term in terms if (found := text.words(term)))


# --- changes --------------------------------------------------------------------------------------------------------------


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with some of them changed, all or none. Raises Refused: bad_message."""
    if not all(name in VALID and VALID[name](value) for name, value in changes.items()):
        raise Refused("bad_message")
    return Settings.of({**settings.public(), **changes}, {**settings.private(), **changes})


def _whole(longest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= longest  # a bool is an int


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _each(valid: Callable[[str], Any], least: int, most: int) -> Callable[[Any], bool]:
    def check(values: Any) -> bool:
        if not isinstance(values, list) or not all(isinstance(value, str) and valid(value) for value in values):
            return False
        return least <= len(values) <= most and len(set(values)) == len(values)

    return check


VALID: dict[str, Callable[[Any], bool]] = {
    "slow_s": _whole(LONGEST_SLOW_S),
    "followers_only_s": lambda value: value is None or _whole(LONGEST_FOLLOW_S)(value),
    "emote_only": _is_bool,
    "hold_links": lambda value: value in ("untrusted", "nobody"),
    "shield": _is_bool,
    "delay_to_picture": _is_bool,
    "emoji": _each(text.is_one_emoji, 1, MOST_EMOJI),
    "domains": _each(DOMAIN.fullmatch, 0, MOST_DOMAINS),
}
