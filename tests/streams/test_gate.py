from __future__ import annotations

import time
from typing import Any

import pytest

from streams.gate import Blocks
from streams.ingest import PublishEvent

BOOT = "b00t"
MALLORY, ALICE = "203.0.113.9", "203.0.113.10"


def event(kind: Any, number: int, addr: str = MALLORY, boot: str = BOOT) -> PublishEvent:
    return PublishEvent(kind, f"{boot}:{number}", "live", "guess", addr)


@pytest.fixture
def blocks() -> Blocks:
    blocks = Blocks()
    blocks.add(MALLORY, 60, f"{BOOT}:5")
    return blocks


def test_publishers_of_a_blocked_address_are_refused_and_no_others(blocks: Blocks) -> None:
    assert blocks.holds(event("publish", 6)) and not blocks.holds(event("publish", 6, ALICE))


def test_a_publisher_who_was_there_before_may_leave(blocks: Blocks) -> None:
    left = [blocks.holds(event("publish_done", number)) for number in (4, 5, 6)]
    assert left == [False, True, True] and not blocks.holds(event("publish_done", 6, boot="an0ther"))


def test_a_block_is_of_a_network_and_ends() -> None:
    blocks = Blocks()
    blocks.add("2001:db8::/64", 0.05, f"{BOOT}:5")
    assert blocks.holds(event("publish", 6, "2001:db8::1")) and blocks.holds(event("publish", 6, "2001:db8::2"))
    assert not blocks.holds(event("publish", 6, "2001:db8:0:1::1"))
    time.sleep(0.05)
    assert not blocks.holds(event("publish", 6, "2001:db8::1"))


def test_blocks_that_are_over_are_forgotten() -> None:
    blocks = Blocks()
    for number in range(100):
        blocks.add(f"198.51.100.{number}", 0, f"{BOOT}:{number}")
    assert len(blocks) == 1
