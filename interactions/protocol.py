"""What goes over a chat connection: a client's frames become dataclasses, items become JSON text. Limits are here as well."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from interactions.fields import (
    BadMessage,
    Read,
    changes,
    matching,
    maybe,
    message,
    number,
    optional,
    reason,
    role,
    seconds,
    size_of,
    string,
    user,
    yes_or_no,
)

VERSION = 1
FRAME_BYTES = 4096
SDP_BYTES = 16_384
OFFER_BYTES = SDP_BYTES + FRAME_BYTES  # the frame around an SDP, with its line ends escaped
CANDIDATE_CHARACTERS = 500
EMOJI_CHARACTERS = 16
REACTIONS_AT_ONCE = 10
MEDIA_BEHIND_MS, MEDIA_AHEAD_MS = 600_000, 10_000  # so far from now may the picture be that somebody sees

NONCE = re.compile(r"[A-Za-z0-9_-]{8,32}")
EPOCH = re.compile(r"[a-z0-9]{1,16}")


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
    size = len(data) if isinstance(data, bytes) else size_of(data)
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
    if number(fields, "v") != VERSION:
        raise BadMessage
    return Hello(optional(fields, "epoch", matching(EPOCH)), optional(fields, "last", number))


def _say(fields: Mapping[str, Any]) -> Say:
    nonce = matching(NONCE)(fields, "nonce")
    return Say(nonce, message(string(fields, "text")), optional(fields, "re", number), optional(fields, "media", number))


def _react(fields: Mapping[str, Any]) -> React:
    emoji, count = string(fields, "emoji"), number(fields, "count")
    if not 0 < len(emoji) <= EMOJI_CHARACTERS or not 0 < count <= REACTIONS_AT_ONCE:
        raise BadMessage
    return React(emoji, count, optional(fields, "media", number))


def _mod(fields: Mapping[str, Any]) -> Mod:
    nonce, do = matching(NONCE)(fields, "nonce"), string(fields, "do")
    if do not in ACTIONS:
        raise BadMessage
    found = {name: read(fields, name) for name, read in ACTIONS[do].items()}
    return Mod(nonce, do, {name: value for name, value in found.items() if value is not None or name == "role"})


def _report(fields: Mapping[str, Any]) -> Report:
    return Report(matching(NONCE)(fields, "nonce"), number(fields, "of"), reason(fields, "reason"))


def _offer(fields: Mapping[str, Any]) -> Offer:
    sdp = string(fields, "sdp")
    if len(sdp) > SDP_BYTES:
        raise BadMessage("too_long")
    return Offer(number(fields, "gen"), sdp)


def _candidate(fields: Mapping[str, Any]) -> IceCandidate:
    candidate = string(fields, "candidate")
    if len(candidate) > CANDIDATE_CHARACTERS:
        raise BadMessage("too_long")
    return IceCandidate(number(fields, "gen"), candidate)


def _switch(fields: Mapping[str, Any]) -> Switch:
    return Switch(number(fields, "last"))


ACTIONS: dict[str, dict[str, Read]] = {
    "delete": {"of": number},
    "purge": {"user": user},
    "timeout": {"user": user, "seconds": seconds, "reason": maybe(reason)},
    "ban": {"user": user, "reason": maybe(reason)},
    "absolve": {"user": user},
    "site_ban": {"user": user, "reason": maybe(reason)},
    "site_absolve": {"user": user},
    "clear": {},
    "pin": {"of": number},
    "unpin": {},
    "approve": {"id": number},
    "deny": {"id": number},
    "role": {"user": user, "role": role},
    "set": {"settings": changes},
    "shield": {"on": yes_or_no},
}
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
