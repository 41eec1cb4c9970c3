"""Serving: what one more viewer costs, and how long viewers wait for a part that exists."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from benchmarks import clip
from benchmarks.generator import Plan
from benchmarks.generators import running, sleep_until
from benchmarks.numbers import Spread, curve, spread
from benchmarks.processes import SERVING, Cost, Load, Programs, cost
from streams.hls.timeline import Part, decode
from tests.e2e.processes import asked_of_the_origin
from tests.e2e.streamer import Streamer
from tests.live import Site

SIZE = "1280x720"
RENDITIONS = ("source", "audio")
LEVELS, QUICK_LEVELS = (1, 100, 400, 1000), (1, 100)
PER_SECOND = 200
SETTLE_S = 3
WINDOW_S, QUICK_WINDOW_S = 20, 5
READS = ("cmdstat_get", "cmdstat_mget", "cmdstat_lrange", "cmdstat_hgetall")

Announced = dict[str, float]  # the path of a part, and when it was announced (CLOCK_MONOTONIC)


def settings(folder: Path) -> dict[str, str]:
    return {"LARGEST_TRANSCODE": "360"}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with clip.running(site, SIZE, SETTLE_S) as alice:
        levels = [level(alice, viewers, quick) for viewers in (QUICK_LEVELS if quick else LEVELS)]
    return {"stream": f"{SIZE}, {clip.KBIT_S[SIZE]} kbit/s and sound", "levels": levels}


def level(streamer: Streamer, viewers: int, quick: bool) -> dict[str, Any]:
    site = streamer.site
    folder = streamer.state()["playlist"].removesuffix("/master.m3u8")
    begin = time.monotonic() + viewers / PER_SECOND + SETTLE_S
    end = begin + (QUICK_WINDOW_S if quick else WINDOW_S)
    host = site.url.removeprefix("http://")
    playlists = [f"{folder}/{rendition}/playlist.m3u8" for rendition in RENDITIONS]
    plan = Plan(host, int(host.rpartition(":")[2]), playlists, viewers, PER_SECOND, begin, end)
    with announcements(site, folder) as announced, running("generator", plan) as process:
        sleep_until(begin)
        before = counters(site, process.pid)
        sleep_until(end)
        after = counters(site, process.pid)
        seen: dict[str, Any] = json.loads(process.communicate()[0])
    used = {name: after[name] - before[name] for name in before}
    return {"viewers": viewers} | figures(plan, announced, seen, used)


@contextmanager
def announcements(site: Site, folder: str) -> Iterator[Announced]:
    """While this lasts, the parts that Redis announces are added."""
    announced: Announced = {}
    over = threading.Event()
    with segments(site) as client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(f"hls:{folder.rpartition('/')[2]}")

        def listen() -> None:
            while not over.is_set():
                message = pubsub.get_message(timeout=0.5)
                heard = time.monotonic()
                rendition, _, text = message["data"].decode().partition(" ") if message else ("", "", "")
                if text and isinstance(part := decode(text), Part):
                    announced[f"{folder}/{rendition}/p{part.name}.mp4"] = heard

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield announced
        finally:
            over.set()
            listener.join()


def counters(site: Site, generator_pid: int) -> dict[str, float]:
    """What has been counted since the site started."""
    programs = Programs(site)
    seconds: dict[str, Cost] = {name: programs.cost(program) for name, program in SERVING.items()}
    seconds["generator"] = cost([generator_pid])
    load = Load.now(os.getppid())
    with segments(site) as client:
        commands, calls = client.info("stats")["total_commands_processed"], client.info("commandstats")
    return {f"{name}_s": each.cpu_s for name, each in seconds.items()} | {
        "foreign_s": load.all_s - load.ours_s,
        "origin_requests": asked_of_the_origin(site),
        "redis_commands": commands,
        "redis_reads": sum(calls[name]["calls"] for name in READS if name in calls),
    }


def segments(site: Site) -> redis.Redis:
    return redis.Redis.from_url(site.env["SEGMENTS_REDIS_URL"])


def figures(plan: Plan, announced: Announced, seen: dict[str, Any], used: dict[str, float]) -> dict[str, Any]:
    seconds = plan.end - plan.begin
    parts = [path for path, at in announced.items() if plan.begin <= at < plan.end]
    watched = [path for path in parts if path.split("/")[3] in RENDITIONS]
    cores = {name: round(used[f"{name}_s"] / seconds, 3) for name in (*SERVING, "generator", "foreign")}
    serving = sum(cores[name] for name in SERVING)
    return {
        "requests_per_s": round(seen["requests"] / seconds),
        "mb_per_s": round(seen["received"] / seconds / 1e6, 1),
        "refused": seen["refused"],
        "list_wait_ms": waits(seen["lists"], announced),
        "part_wait_ms": waits(seen["parts"], announced),
        "origin_requests_per_part": round(used["origin_requests"] / len(watched), 2),
        "redis_commands_per_part": round(used["redis_commands"] / len(parts), 1),
        "redis_reads_per_part": round(used["redis_reads"] / len(parts), 2),
        "cores": cores,
        "viewers_per_core": round(plan.viewers / serving),
    }


def waits(seen: dict[str, list[float]], announced: Announced) -> Spread | dict[str, Any]:
    """From the announcement of a part to the answer in the viewers' hands."""
    found = [(at - announced[path]) * 1000 for path, times in seen.items() if path in announced for at in times]
    return spread(found, digits=1) | {"curve": curve(found)}
