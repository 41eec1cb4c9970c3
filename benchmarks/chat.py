"""Chat: how long a message takes to everybody in a large room, what it costs, and how all come back from a killed process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import enforcement
from benchmarks.generators import running, sleep_until
from benchmarks.listeners import GRACE_S, Plan
from benchmarks.numbers import curve, spread
from benchmarks.processes import Load, Programs, cost
from tests.chromium import launch_chromium
from tests.e2e.processes import parent, workers
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.live import CHECKOUT, Site

MESSAGES_PER_S = 10
TALKERS = 20  # each says little enough for the room's own limit
LISTENERS, QUICK_LISTENERS = 1000, 100
PEERS, QUICK_PEERS = 200, 20
ROUNDS, QUICK_ROUNDS = 2, 1
WINDOW_S, QUICK_WINDOW_S = 60, 6
REACTIONS_PER_S, REACTIONS_WINDOW_S = 30, 10
KILL_WINDOW_S, KILL_AFTER_S = 20, 4
UPGRADES = 6  # more of one address in a minute are refused
PER_SECOND, PEERS_PER_SECOND = 100, 15
SETTLE_S = 3
RESIZE_S, RESIZED_S = 1, 30
PROCESSES = (1, 2, 4)
PROCESSES_WINDOW_S, IDLE_S = 20, 8
OFFENDERS = 10
PROBE = CHECKOUT / "tests/e2e/chat_page.js"


def settings(folder: Path) -> dict[str, str]:
    return {"CHAT_PEERS": str(PEERS), "CHAT_ICE_ADDRESSES": "127.0.0.1"}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    listeners, peers = (QUICK_LISTENERS, QUICK_PEERS) if quick else (LISTENERS, PEERS)
    seconds = QUICK_WINDOW_S if quick else WINDOW_S
    with Cast(site) as cast:
        alice = cast.join("alice")
        talkers = [cast.join("bob").cookie for _ in range(TALKERS)]
        room = Room(site, alice, talkers)
        upgrades = chromium_upgrades(room)
        levels = []
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            levels += [level(room, listeners, 0, seconds), level(room, listeners - peers, peers, seconds)]
        found = {
            "levels": levels,
            "webrtc_us_per_frame": webrtc_cost(levels),
            "reactions": reactions(room, peers),
            "processes": processes(room, quick),
            "enforcement": enforced(room, [cast.join("mallory").cookie for _ in range(OFFENDERS)]),
            "kill": kill(room, listeners),
            "chromium_upgrade_ms": spread(upgrades) | {"each": upgrades},
        }
    return {"stream": f"{MESSAGES_PER_S} messages a second from {TALKERS} people"} | found


class Room:
    def __init__(self, site: Site, owner: Streamer, talkers: list[str]) -> None:
        self.site, self.owner, self.talkers = site, owner, talkers

    def plan(self, pages: int, seconds: float, joining_s: float) -> Plan:
        """A room in which nobody is yet."""
        begin = time.monotonic() + joining_s + SETTLE_S
        host = f"127.0.0.1:{self.site.env['CHAT_LISTEN'].rpartition(':')[2]}"
        return Plan(host, self.owner.name, pages, PER_SECOND, self.talkers, MESSAGES_PER_S, 0, begin, begin + seconds)


# --- many who read --------------------------------------------------------------------------------------------------------


def level(room: Room, pages: int, peers: int, seconds: float) -> dict[str, Any]:
    plan = room.plan(pages, seconds, max(pages / PER_SECOND, peers / PEERS_PER_SECOND * 1.5))
    silent = replace(plan, pages=peers, per_second=PEERS_PER_SECOND, talkers=[], messages_per_s=0)
    with ExitStack() as stack:
        processes = [stack.enter_context(running("listeners", plan))]
        processes += [stack.enter_context(running("peers", silent))] if peers else []
        pids = [process.pid for process in processes]
        sleep_until(plan.begin)
        before = counters(room.site, pids)
        sleep_until(plan.end)
        after = counters(room.site, pids)
        seen: list[dict[str, Any]] = [json.loads(process.communicate()[0]) for process in processes]
    used = {name: after[name] - before[name] for name in before}
    return {"websockets": pages, "peers": peers} | figures(seconds, used, seen)


def counters(site: Site, generators: list[int]) -> dict[str, float]:
    programs, load = Programs(site), Load.now(os.getppid())
    found = {name: programs.cost(program).cpu_s for name, program in {"chat": "chat", "redis": "redis-control"}.items()}
    return found | {"generator": cost(generators).cpu_s, "foreign": load.all_s - load.ours_s}


def figures(seconds: float, used: dict[str, float], seen: list[dict[str, Any]]) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(each[name] for each in seen)

    waits = [wait for each in seen for wait in each["waits_ms"]]
    upgrades = [upgrade for each in seen for upgrade in each.get("upgrades_ms", [])]
    return {
        "there": total("there"),
        "said": total("said"),
        "refused": seen[0]["refused"],
        "delivered": total("delivered"),
        "lost": total("lost"),
        "reordered": total("again_or_late"),
        "wait_ms": spread(waits, digits=1) | {"curve": curve(waits)},
        "frames_per_s": dict(
            zip(("websocket", "webrtc"), [round(each["frames"] / seconds) for each in seen] + [0], strict=False)
        ),
        "cores": {name: round(each / seconds, 3) for name, each in used.items()},
        "chat_us_per_message": round(used["chat"] / total("delivered") * 1e6, 1),
        "upgrade_ms": spread(upgrades) if upgrades else None,
    }


def webrtc_cost(levels: list[dict[str, Any]]) -> float:
    """CPU of a frame to a peer, in µs: what the mixed room costs beyond its WebSockets' share of the other."""
    plain, mixed = levels[-2:]
    others = plain["cores"]["chat"] * mixed["frames_per_s"]["websocket"] / plain["frames_per_s"]["websocket"]
    return round((mixed["cores"]["chat"] - others) / mixed["frames_per_s"]["webrtc"] * 1e6)


# --- more processes, fewer processes --------------------------------------------------------------------------------------


def processes(room: Room, quick: bool) -> list[dict[str, Any]]:
    """The same room, spread over more of them: gunicorn's master takes and gives workers by signals.

    The fewer listeners a process has, the sooner it sends, and the fewer messages share a frame: frames are what compares.
    """
    listeners, seconds = (QUICK_LISTENERS, QUICK_WINDOW_S) if quick else (LISTENERS, PROCESSES_WINDOW_S)
    before, found = len(workers(room.site, "chat")), []
    for count in PROCESSES:
        resize(room.site, count)
        idle = idle_cores(room.site)
        seen = level(room, listeners, 0, seconds)
        busy_us = (seen["cores"]["chat"] - idle) / seen["frames_per_s"]["websocket"] * 1e6
        found.append({"processes": count, "idle_cores": round(idle, 4), "busy_us_per_frame": round(busy_us, 1)} | seen)
    resize(room.site, before)
    return found


def idle_cores(site: Site) -> float:
    before = counters(site, [])["chat"]
    time.sleep(IDLE_S)
    return (counters(site, [])["chat"] - before) / IDLE_S


def resize(site: Site, count: int) -> None:
    (master,) = {parent(pid) for pid in workers(site, "chat")}
    change = count - len(workers(site, "chat"))
    for _ in range(abs(change)):
        os.kill(master, signal.SIGTTIN if change > 0 else signal.SIGTTOU)
        time.sleep(RESIZE_S)
    until(lambda: len(workers(site, "chat")) == count, RESIZED_S)


def enforced(room: Room, offenders: list[str]) -> dict[str, Any]:
    host = f"127.0.0.1:{room.site.env['CHAT_LISTEN'].rpartition(':')[2]}"
    found = asyncio.run(enforcement.measure(host, room.owner.name, room.owner.cookie, offenders))
    return {name: spread(values, digits=1) for name, values in found.items()}


# --- what else happens in a room ------------------------------------------------------------------------------------------


def reactions(room: Room, pages: int) -> dict[str, Any]:
    plan = replace(room.plan(pages, REACTIONS_WINDOW_S, pages / PER_SECOND), messages_per_s=0, reactions_per_s=REACTIONS_PER_S)
    with running("listeners", plan) as process:
        seen: dict[str, Any] = json.loads(process.communicate()[0])
    frames = seen["reaction_frames"] / pages / (REACTIONS_WINDOW_S + GRACE_S)
    return {"people": pages, "taps_per_s": REACTIONS_PER_S, "frames_per_s_and_listener": round(frames, 2)}


def kill(room: Room, pages: int) -> dict[str, Any]:
    """One of the pool's processes, and whoever is connected to it."""
    plan = room.plan(pages, KILL_WINDOW_S, pages / PER_SECOND)
    with running("listeners", plan) as process:
        sleep_until(plan.begin + KILL_AFTER_S)
        os.kill(workers(room.site, "chat")[0], signal.SIGKILL)
        killed = time.monotonic()
        seen: dict[str, Any] = json.loads(process.communicate()[0])
    return {
        "pages": pages,
        "thrown_out": seen["thrown_out"],
        "there_at_the_end": seen["there"],
        "all_back_s": round(max(seen["back_at"], default=killed) - killed, 2),
        "lost": seen["lost"],
    }


def chromium_upgrades(room: Room) -> list[float]:
    """From the offer to the open channel, in ms."""
    found = []
    with launch_chromium() as browser:
        for _ in range(UPGRADES):
            page = browser.new_page()
            page.goto(f"{room.site.url}/healthz")
            page.evaluate(PROBE.read_text(), [room.owner.name])
            found.append(round(page.evaluate("window.chat.upgrade_ms"), 1))
            page.close()
            time.sleep(0.5)
    return found
