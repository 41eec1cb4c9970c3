"""What the RTMP server's webhook says.

The publisher's own arguments follow the server's fields unescaped, so only the first field of each name counts. What the
publisher says of itself before them (flashver, tcurl, …) is escaped, `&` included.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

APP = "live"
OURS = {"app", "name", "addr", "clientid", "call"}
LONGEST_BODY = 8192
KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
KINDS: dict[str, Literal["publish", "publish_done"]] = {"publish": "publish", "publish_done": "publish_done"}
CLIENT_ID = re.compile(r"[0-9]{1,20}")


class BadEvent(Exception):
    """A webhook body that the RTMP server would not send, or a key that cannot be one."""

    def __init__(self, code: Literal["malformed_name", "bad_event"], sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class PublishEvent:
    kind: Literal["publish", "publish_done"]
    session: str  # boot id and client id: one connection of a publisher
    app: str
    key: str = field(repr=False)
    addr: str


def parse(body: bytes, boot: str) -> PublishEvent:
    """Raises BadEvent."""
    if len(body) > LONGEST_BODY:
        raise BadEvent("bad_event", "The body is too long.")
    fields, repeated = _first_of_each(body)
    kind, client_id = KINDS.get(fields.get("call", "")), fields.get("clientid", "")
    if kind is None:
        raise BadEvent("bad_event", "The call is neither publish nor publish_done.")
    if fields.get("app") != APP:
        raise BadEvent("bad_event", f"The application is not {APP}.")
    if not CLIENT_ID.fullmatch(client_id):
        raise BadEvent("bad_event", "The client id is not a number.")
    if not KEY.fullmatch(fields.get("name", "")):
        raise BadEvent("malformed_name", "A stream key has letters, digits, - and _ only, 128 at most.")
    if kind == "publish" and repeated & OURS:
        raise BadEvent("malformed_name", "The key is followed by arguments that only the server may send.")
    return PublishEvent(kind, f"{boot}:{client_id}", APP, fields["name"], _address(fields.get("addr", "")))


def is_same_start(session: str, other: str) -> bool:
    """Of the RTMP server: whoever came to it before it was started anew is gone."""
    return session.rpartition(":")[0] == other.rpartition(":")[0]


def is_older(session: str, than: str) -> bool:
    """Whether it began no later: the RTMP server counts its connections, from 1 again when it is started."""
    (boot, number), (other_boot, other) = (each.rsplit(":", 1) for each in (session, than))
    return boot == other_boot and int(number) <= int(other)


def _first_of_each(body: bytes) -> tuple[dict[str, str], set[str]]:
    """Bytes that are no text are replaced: in other fields than ours they are the publisher's own affair."""
    fields: dict[str, str] = {}
    repeated = set()
    for name, value in parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True):
        if name in fields:
            repeated.add(name)
        fields.setdefault(name, value)
    return fields, repeated


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise BadEvent("bad_event", "The address is not an IP address.") from None
