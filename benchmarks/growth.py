"""Growth: what one more broadcast costs the whole site."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from benchmarks import clip
from benchmarks.processes import Programs
from tests.e2e.streamer import Cast, Streamer
from tests.live import Site

SIZE = "320x180"
LADDER = "source, audio and one transcode"
LEVELS = (0, 1, 2, 4)
SETTLE_S = 12  # by then what a start costs is over
WINDOW_S, QUICK_WINDOW_S = 20, 6


def settings(folder: Path) -> dict[str, str]:
    return {}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with Cast(site) as cast:
        streamers = [cast.join("alice") for _ in range(max(LEVELS))]
        clip.introduce(SIZE, *streamers)
        levels = [level(site, streamers[:number], QUICK_WINDOW_S if quick else WINDOW_S) for number in LEVELS]
    idle = levels[0]
    for each in levels[1:]:
        each["cores_per_broadcast"] = round((each["cores"] - idle["cores"]) / each["broadcasts"], 3)
        each["memory_mb_per_broadcast"] = round((each["memory_mb"] - idle["memory_mb"]) / each["broadcasts"], 1)
    return {"publisher": f"{SIZE}, {clip.KBIT_S[SIZE]} kbit/s", "ladder": LADDER, "levels": levels}


def level(site: Site, streamers: list[Streamer], seconds: float) -> dict[str, Any]:
    with redis.Redis.from_url(site.env["SEGMENTS_REDIS_URL"]) as client:
        client.flushall()  # nothing is live: what is left is of earlier broadcasts
    with ExitStack() as stack:
        for streamer in streamers:
            stack.enter_context(clip.on_air(streamer, SIZE))
        time.sleep(SETTLE_S)
        programs = Programs(site)
        before = programs.costs()
        time.sleep(seconds)
        after = programs.costs()
    cores = {name: round((after[name] - before[name]).cpu_s / seconds, 3) for name in after}
    memory = {name: round(each.memory_mb, 1) for name, each in after.items()}
    return {
        "broadcasts": len(streamers),
        "cores": round(sum(cores.values()), 3),
        "memory_mb": round(sum(memory.values())),
        "programs": {name: {"cores": cores[name], "memory_mb": memory[name]} for name in cores},
    }
