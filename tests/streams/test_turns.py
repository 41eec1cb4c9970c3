from __future__ import annotations

import asyncio

import pytest

from streams.turns import NoTurn, Turns


async def test_who_comes_when_all_are_taken_waits_for_a_turn_in_order() -> None:
    turns, seen = Turns(1, patience_s=5), []

    async def take(name: str) -> None:
        async with turns.turn():
            seen.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*(take(name) for name in "abcd"))
    assert seen == list("abcd")


async def test_who_would_wait_too_long_is_told_and_takes_nothing() -> None:
    turns = Turns(1, patience_s=0.01)
    async with turns.turn():
        with pytest.raises(NoTurn):
            async with turns.turn():
                raise AssertionError
    async with turns.turn():
        pass


async def test_a_turn_that_fails_is_free_again_and_its_own_timeout_is_not_taken_for_the_wait() -> None:
    turns = Turns(1, patience_s=5)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with turns.turn():
                raise TimeoutError
