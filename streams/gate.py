"""Whoever has guessed too many keys is refused from this process's memory, with no look into a store."""

from __future__ import annotations

import time
from typing import NamedTuple

from streams import ingest
from streams.addresses import network
from streams.ingest import PublishEvent


class Block(NamedTuple):
    until: float  # by time.monotonic()
    session: str  # the first that was refused


class Blocks:
    """By network, until each is over."""

    def __init__(self) -> None:
        self._blocks: dict[str, Block] = {}

    def add(self, who: str, seconds: float, session: str) -> None:
        now = time.monotonic()
        self._blocks = {each: block for each, block in self._blocks.items() if block.until > now}
        self._blocks.setdefault(who, Block(now + seconds, session))

    def __len__(self) -> int:
        return len(self._blocks)

    def holds(self, event: PublishEvent) -> bool:
        """Whether it is of a publisher who is refused, or was: one of before may still be on air."""
        block = self._blocks.get(network(event.addr))
        if block is None or block.until <= time.monotonic():
            return False
        return event.kind == "publish" or ingest.is_older(block.session, event.session)


blocks = Blocks()
