"""What was said lately in a room, as one process keeps it: for those who come in, and those who come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from interactions.protocol import frame
from interactions.room_log import LOG_ITEMS, Entry

HISTORY = 50
HISTORY_BYTES = 40_000
TAKES_BACK = ("del", "purge", "clear")
SHOWN = ("msg", "sys")  # what somebody who comes in is shown


class Kept(NamedTuple):
    kind: str
    user: str | None
    text: str


class Backlog:
    def __init__(self) -> None:
        self.floor = 0  # everything after this item is kept
        self.kept: dict[int, Kept] = {}
        self.pin: str | None = None
        self._history: str | None = None

    def begin_anew(self, floor: int) -> None:
        self.floor, self.pin, self._history = floor, None, None
        self.kept.clear()

    def add(self, entry: Entry, item: dict[str, Any]) -> None:
        kind = item["t"]
        if kind in TAKES_BACK:
            self._take_back(kind, item)
        elif kind == "pin":
            self.pin = entry.text if item["of"] is not None else None
        self.kept[entry.n] = Kept(kind, item.get("by", {}).get("id"), entry.text)
        while len(self.kept) > LOG_ITEMS:
            self.floor = next(iter(self.kept))
            del self.kept[self.floor]
        self._history = None

    def _take_back(self, kind: str, item: dict[str, Any]) -> None:
        """As the log's script does."""

        def concerned(n: int, user: str | None) -> bool:
            return kind == "clear" or (kind == "purge" and user == item["user"]) or (kind == "del" and n in item["of"])

        def pins_one(text: str) -> bool:
            pin = json.loads(text)
            return concerned(pin["of"], pin.get("msg", {}).get("by", {}).get("id"))

        for n, kept in list(self.kept.items()):
            if (kept.kind == "msg" and concerned(n, kept.user)) or (kept.kind == "pin" and pins_one(kept.text)):
                del self.kept[n]
        if self.pin and pins_one(self.pin):
            self.pin = None

    def since(self, n: int) -> Iterator[str]:
        return (kept.text for number, kept in self.kept.items() if number > n)

    def history(self) -> str:
        """For somebody who comes in: an array, made once for all who come before the next message."""
        if self._history is None:
            texts, size = [], 0
            for kept in [kept for kept in self.kept.values() if kept.kind in SHOWN][: -HISTORY - 1 : -1]:
                size += len(kept.text.encode())
                if size > HISTORY_BYTES:
                    break
                texts.append(kept.text)
            self._history = frame(reversed(texts))
        return self._history
