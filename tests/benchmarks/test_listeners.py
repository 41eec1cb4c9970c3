"""The crowd that measures chat, against a room of one test's own."""

from __future__ import annotations

import asyncio
import time

from redis.asyncio import Redis

from benchmarks.listeners import Crowd, Plan, Tally
from interactions import room_log
from tests.interactions.rig import Server, msg, redis, room, server
from tests.interactions.rig import moderation as moderation

__all__ = ["redis", "room", "server"]


def plan(server: Server, room: str, seconds: float) -> Plan:
    begin = time.monotonic() + 0.5
    return Plan(f"127.0.0.1:{server.port}", room, 10, 100, [], 0, 8, begin, begin + seconds)


async def speak(redis: Redis, room: str, numbers: range) -> None:
    for number in numbers:
        await room_log.append(redis, room, msg(f"{number} {time.monotonic()} word"))
        await asyncio.sleep(0.05)


async def test_what_is_read_is_counted_and_timed(server: Server, redis: Redis, room: str) -> None:
    crowd = asyncio.create_task(asyncio.to_thread(Crowd(plan(server, room, 1.0)).run))
    await asyncio.sleep(0.8)
    await speak(redis, room, range(10))
    tally: Tally = await crowd
    assert (tally.delivered, tally.lost, tally.again_or_late) == (100, 0, 0)
    assert len(tally.waits_ms) == 100 and 0 < min(tally.waits_ms) < 1000
    assert 0 < tally.reaction_frames <= 10 * 4 * 3


async def test_who_is_thrown_out_comes_back_and_lacks_nothing(server: Server, redis: Redis, room: str) -> None:
    crowd = asyncio.create_task(asyncio.to_thread(Crowd(plan(server, room, 4.0)).run))
    await asyncio.sleep(0.8)
    await speak(redis, room, range(3))
    for session in list(server.chat.hub.rooms[room].sessions)[:4]:
        session.leave(4002)
    await speak(redis, room, range(3, 6))
    tally = await crowd
    assert (tally.thrown_out, len(tally.back_at)) == (4, 4)
    assert (tally.delivered, tally.lost) == (60, 0)
