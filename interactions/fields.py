"""Fields of a client's frame, each read as what it has to be. Raises BadMessage."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

TEXT_CHARACTERS = 500
REASON_CHARACTERS = 300
TIMEOUT_S = 14 * 24 * 3600  # the longest
GREATEST = 2**53 - 1  # what JavaScript counts to

USER = re.compile(r"u[0-9]{1,18}|@[a-z0-9_]{3,30}")  # moderators know people by their names as well
ROLES = ("mod", "vip")
# What turns the direction of writing reaches beyond the message that holds it.
TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Read = Callable[[Mapping[str, Any], str], Any]


class BadMessage(Exception):
    """A frame that nobody can answer as it was meant. CODE is one of the wire's; the nonce, if one could be read."""

    def __init__(self, code: str = "bad_message", nonce: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.nonce = nonce


def size_of(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise BadMessage from error


def number(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= GREATEST:  # a bool is an int
        raise BadMessage
    return value


def string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadMessage
    size_of(value)  # half a surrogate pair is no text
    return value


def optional(fields: Mapping[str, Any], name: str, read: Read) -> Any:
    return None if fields.get(name) is None else read(fields, name)


def matching(pattern: re.Pattern[str]) -> Callable[[Mapping[str, Any], str], str]:
    def read(fields: Mapping[str, Any], name: str) -> str:
        value = string(fields, name)
        if not pattern.fullmatch(value):
            raise BadMessage
        return value

    return read


def reason(fields: Mapping[str, Any], name: str) -> str:
    text = plain(string(fields, name))
    if len(text) > REASON_CHARACTERS:
        raise BadMessage("too_long")
    return text


def seconds(fields: Mapping[str, Any], name: str) -> int:
    value = number(fields, name)
    if not 0 < value <= TIMEOUT_S:
        raise BadMessage
    return value


def role(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name, "")
    if value is not None and value not in ROLES:
        raise BadMessage
    return value


def changes(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Their values are for the settings' form to judge."""
    value = fields.get(name)
    if not isinstance(value, dict) or not value:
        raise BadMessage
    return value


def yes_or_no(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise BadMessage
    return value


def maybe(read: Read) -> Read:
    return lambda fields, name: optional(fields, name, read)


user = matching(USER)


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
