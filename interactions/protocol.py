"""What goes over a chat connection: a client's frames become dataclasses, items become JSON text. Limits are here as well."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

VERSION = 1
FRAME_BYTES = 4096
SDP_BYTES = 16_384
OFFER_BYTES = SDP_BYTES + FRAME_BYTES  # the frame around an SDP, with its line ends escaped
TEXT_CHARACTERS = 500
REASON_CHARACTERS = 300
CANDIDATE_CHARACTERS = 500
EMOJI_CHARACTERS = 16
REACTIONS_AT_ONCE = 10
TIMEOUT_S = 14 * 24 * 3600  # the longest
GREATEST = 2**53 - 1  # what JavaScript counts to
MEDIA_BEHIND_MS, MEDIA_AHEAD_MS = 600_000, 10_000  # so far from now may the picture be that somebody sees

NONCE = re.compile(r"[A-Za-z0-9_-]{8,32}")
USER = re.compile(r"u[0-9]{1,18}|@[a-z0-9_]{3,30}")  # moderators know people by their names as well
EPOCH = re.compile(r"[a-z0-9]{1,16}")
ROLES = ("mod", "vip")


class BadMessage(Exception):
    """A frame that nobody can answer as it was meant. CODE is one of the wire's; the nonce, if one could be read."""

    def __init__(self, code: str = "bad_message", nonce: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.nonce = nonce


class Refused(Exception):
    """What was asked is understood, and not done; after `wait_ms`, where it is known, asking again may help."""

    def __init__(self, code: str, wait_ms: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.wait_ms = wait_ms


# --- what clients send ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    epoch: str | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Say:
    nonce: str
    text: str
    re: int | None = None
    media: int | None = None  # Unix ms: the picture that its author was seeing


@dataclass(frozen=True, slots=True)
class React:
    emoji: str
    count: int
    media: int | None = None


@dataclass(frozen=True, slots=True)
class Mod:
    """DO names the action; ARGS are what that action takes, each of its right type."""

    nonce: str
    do: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    nonce: str
    of: int
    reason: str


@dataclass(frozen=True, slots=True)
class Offer:
    gen: int
    sdp: str


@dataclass(frozen=True, slots=True)
class IceCandidate:
    gen: int
    candidate: str


@dataclass(frozen=True, slots=True)
class Switch:
    last: int


Frame = Hello | Say | React | Mod | Report | Offer | IceCandidate | Switch


def parse(data: str | bytes) -> Frame:
    """Raises BadMessage, whatever came."""
    size = len(data) if isinstance(data, bytes) else _size(data)
    if size > OFFER_BYTES:
        raise BadMessage("too_long")
    fields = _object(data)
    kind = fields.get("t")
    if size > FRAME_BYTES and kind != "rtc.offer":
        raise BadMessage("too_long", _nonce_in(fields))
    if not isinstance(kind, str) or kind not in READERS:
        raise BadMessage(nonce=_nonce_in(fields))
    try:
        return READERS[kind](fields)
    except BadMessage as error:
        raise BadMessage(error.code, _nonce_in(fields)) from error


def _size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise BadMessage from error


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data.decode() if isinstance(data, bytes) else data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadMessage from error
    if not isinstance(fields, dict):
        raise BadMessage
    return fields


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _nonce_in(fields: Mapping[str, Any]) -> str | None:
    nonce = fields.get("nonce")
    return nonce if isinstance(nonce, str) and NONCE.fullmatch(nonce) else None


def _hello(fields: Mapping[str, Any]) -> Hello:
    if _number(fields, "v") != VERSION:
        raise BadMessage
    return Hello(_optional(fields, "epoch", _matching(EPOCH)), _optional(fields, "last", _number))


def _say(fields: Mapping[str, Any]) -> Say:
    nonce = _matching(NONCE)(fields, "nonce")
    return Say(nonce, message(_text(fields, "text")), _optional(fields, "re", _number), _optional(fields, "media", _number))


def _react(fields: Mapping[str, Any]) -> React:
    emoji, count = _text(fields, "emoji"), _number(fields, "count")
    if not 0 < len(emoji) <= EMOJI_CHARACTERS or not 0 < count <= REACTIONS_AT_ONCE:
        raise BadMessage
    return React(emoji, count, _optional(fields, "media", _number))


def _mod(fields: Mapping[str, Any]) -> Mod:
    nonce, do = _matching(NONCE)(fields, "nonce"), _text(fields, "do")
    if do not in ACTIONS:
        raise BadMessage
    found = {name: read(fields, name) for name, read in ACTIONS[do].items()}
    return Mod(nonce, do, {name: value for name, value in found.items() if value is not None or name == "role"})


def _report(fields: Mapping[str, Any]) -> Report:
    return Report(_matching(NONCE)(fields, "nonce"), _number(fields, "of"), _reason(fields, "reason"))


def _offer(fields: Mapping[str, Any]) -> Offer:
    sdp = _text(fields, "sdp")
    if len(sdp) > SDP_BYTES:
        raise BadMessage("too_long")
    return Offer(_number(fields, "gen"), sdp)


def _candidate(fields: Mapping[str, Any]) -> IceCandidate:
    candidate = _text(fields, "candidate")
    if len(candidate) > CANDIDATE_CHARACTERS:
        raise BadMessage("too_long")
    return IceCandidate(_number(fields, "gen"), candidate)


def _switch(fields: Mapping[str, Any]) -> Switch:
    return Switch(_number(fields, "last"))


READERS: dict[str, Callable[[Mapping[str, Any]], Frame]] = {
    "hello": _hello,
    "say": _say,
    "react": _react,
    "mod": _mod,
    "report": _report,
    "rtc.offer": _offer,
    "rtc.candidate": _candidate,
    "switch": _switch,
}


# --- fields ---------------------------------------------------------------------------------------------------------------

Read = Callable[[Mapping[str, Any], str], Any]


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= GREATEST:  # a bool is an int
        raise BadMessage
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadMessage
    _size(value)  # half a surrogate pair is no text
    return value


def _optional(fields: Mapping[str, Any], name: str, read: Read) -> Any:
    return None if fields.get(name) is None else read(fields, name)


def _matching(pattern: re.Pattern[str]) -> Callable[[Mapping[str, Any], str], str]:
    def read(fields: Mapping[str, Any], name: str) -> str:
        value = _text(fields, name)
        if not pattern.fullmatch(value):
            raise BadMessage
        return value

    return read


def _reason(fields: Mapping[str, Any], name: str) -> str:
    reason = plain(_text(fields, name))
    if len(reason) > REASON_CHARACTERS:
        raise BadMessage("too_long")
    return reason


def _seconds(fields: Mapping[str, Any], name: str) -> int:
    seconds = _number(fields, name)
    if not 0 < seconds <= TIMEOUT_S:
        raise BadMessage
    return seconds


def _role(fields: Mapping[str, Any], name: str) -> str | None:
    role = fields.get(name, "")
    if role is not None and role not in ROLES:
        raise BadMessage
    return role


def _changes(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Their values are for the settings' form to judge."""
    changes = fields.get(name)
    if not isinstance(changes, dict) or not changes:
        raise BadMessage
    return changes


def _yes_or_no(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise BadMessage
    return value


def _maybe(read: Read) -> Read:
    return lambda fields, name: _optional(fields, name, read)


_user = _matching(USER)
ACTIONS: dict[str, dict[str, Read]] = {
    "delete": {"of": _number},
    "purge": {"user": _user},
    "timeout": {"user": _user, "seconds": _seconds, "reason": _maybe(_reason)},
    "ban": {"user": _user, "reason": _maybe(_reason)},
    "absolve": {"user": _user},
    "site_ban": {"user": _user, "reason": _maybe(_reason)},
    "site_absolve": {"user": _user},
    "clear": {},
    "pin": {"of": _number},
    "unpin": {},
    "approve": {"id": _number},
    "deny": {"id": _number},
    "role": {"user": _user, "role": _role},
    "set": {"settings": _changes},
    "shield": {"on": _yes_or_no},
}

# What turns the direction of writing reaches beyond the message that holds it.
TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """NFC, on one line, without control characters."""
    kept = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", text) if c not in TURNS)
    return "".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cs")).strip()


def message(text: str) -> str:
    """The text of a message. Raises BadMessage where it is empty or too long."""
    text = plain(text)
    if len(text) > TEXT_CHARACTERS:
        raise BadMessage("too_long")
    if all(unicodedata.category(c) in ("Cf", "Zs", "Mn") for c in text):  # nothing to see
        raise BadMessage("empty")
    return text


def near(media: int | None, now_ms: int) -> int | None:
    """The media time, where a viewer may be seeing it now."""
    return media if media is not None and -MEDIA_BEHIND_MS <= media - now_ms <= MEDIA_AHEAD_MS else None


# --- what clients are sent ------------------------------------------------------------------------------------------------


def encode(item: Mapping[str, Any]) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))


def frame(items: Iterable[str]) -> str:
    """Encoded items, as one frame."""
    return f"[{','.join(items)}]"


def no(code: str, nonce: str | None = None, wait_ms: int | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"t": "no", "code": code}
    if nonce is not None:
        item["nonce"] = nonce
    if wait_ms is not None:
        item["wait_ms"] = wait_ms
    return item


# --- how often ------------------------------------------------------------------------------------------------------------


class Bucket:
    """Holds at most BURST tokens, and gains PER_S of them."""

    __slots__ = ("at", "burst", "per_s", "tokens")

    def __init__(self, burst: float, per_s: float, now: float) -> None:
        self.burst, self.per_s = burst, per_s
        self.tokens, self.at = burst, now

    def take(self, now: float, count: float = 1) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_s)
        self.at = now
        if self.tokens < count:
            return False
        self.tokens -= count
        return True

    def wait_ms(self, count: float = 1) -> int:
        """After what was last taken, until there are so many."""
        return max(0, math.ceil((count - self.tokens) / self.per_s * 1000))

    def full(self, now: float) -> bool:
        """As good as new."""
        return self.tokens + (now - self.at) * self.per_s >= self.burst
