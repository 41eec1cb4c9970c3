"""Encoding: what our encoder costs beside bare ffmpeg with the same command lines, and beside one ffmpeg with all outputs.

All read the same publisher at the same time, so that a busy moment of the machine meets both sides of each comparison.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import clip
from benchmarks.numbers import percentile
from benchmarks.processes import Programs, argv, cost
from streams.ffmpeg import LATE
from tests.live import Site

SIZE = "1280x720"
LADDER = "source, audio, 360p and 480p"
WINDOWS, QUICK_WINDOWS = 8, 2
WINDOW_S, QUICK_WINDOW_S = 15, 5
SETTLE_S = 5

Argv = list[str]


def settings(folder: Path) -> dict[str, str]:
    """Twice the whole ladder would not fit two cores."""
    return {"LARGEST_TRANSCODE": "480"}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with clip.running(site, SIZE, SETTLE_S):
        programs = Programs(site)
        ours = [latecomer(argv(pid)) for pid in programs.encoders()]
        variants = {"bare": ours, "multi": [multi(ours)]}
        names = [["bare", "multi"][number % 2] for number in range(QUICK_WINDOWS if quick else WINDOWS)]
        windows = [window(programs, name, variants[name], QUICK_WINDOW_S if quick else WINDOW_S) for name in names]
    ratios = {name: [each["ratio"] for each in windows if each["against"] == name] for name in variants}
    return {
        "publisher": f"{SIZE}, {clip.KBIT_S[SIZE]} kbit/s",
        "ladder": LADDER,
        "processes": len(ours),
        "over_bare": percentile(ratios["bare"], 0.5),
        "over_multi": percentile(ratios["multi"], 0.5),
        "windows": windows,
    }


def latecomer(command: Argv) -> Argv:
    """The same command, but one that may join in the middle of a group of pictures."""
    at = command.index("-analyzeduration") + 1
    return [*command[:at], str(LATE["analyzeduration"]), *command[at + 1 :]]


def window(programs: Programs, name: str, commands: list[Argv], seconds: float) -> dict[str, Any]:
    """Our encoder's cost and the variant's, in the same seconds."""
    with running(commands) as others:
        time.sleep(SETTLE_S)
        sides = {"python": [programs.pids["encoder"]], "ffmpeg": programs.encoders(), "other": others}
        sides["redis"] = [programs.pids["redis-segments"]]
        before = {side: cost(pids) for side, pids in sides.items()}
        time.sleep(seconds)
        after = {side: cost(pids) for side, pids in sides.items()}
        assert all(argv(pid) != [""] for pid in others), "an ffmpeg has ended"
    cores = {side: round((after[side] - before[side]).cpu_s / seconds, 3) for side in sides}
    return {
        "against": name,
        "cores": cores,
        "memory_mb": {side: round(after[side].memory_mb) for side in sides},
        "ratio": round((cores["python"] + cores["ffmpeg"]) / cores["other"], 3),
    }


@contextmanager
def running(commands: list[Argv]) -> Iterator[list[int]]:
    """Each with its outputs read and thrown away; the readers are not counted."""
    processes: list[subprocess.Popen[bytes]] = []
    encoders: list[int] = []
    for command in commands:
        pipes = {int(number): os.pipe() for number in re.findall(r"pipe:(\d+)", " ".join(command))}
        for read_end, _ in pipes.values():
            processes.append(subprocess.Popen(["cat"], stdin=read_end, stdout=subprocess.DEVNULL))
        numbered = {f"pipe:{number}": f"pipe:{write_end}" for number, (_, write_end) in pipes.items()}
        arguments = [numbered.get(argument, argument) for argument in command]
        writes = [write_end for _, write_end in pipes.values()]
        processes.append(subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=writes))
        encoders.append(processes[-1].pid)
        for ends in pipes.values():
            for end in ends:
                os.close(end)
    try:
        yield encoders
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def multi(commands: list[Argv]) -> Argv:
    """One ffmpeg that makes all that these make: their input once, then their outputs one after the other."""
    first = commands[0]
    after_input = first.index("-i") + 2
    together = first[:after_input]
    for number, command in enumerate(commands, start=1):
        for argument in outputs(command):
            label = re.sub(r"\[s(\d+)\]", rf"[o{number}s\1]", argument)  # filter graphs' labels, used once each
            together.append(label.replace("pipe:", f"pipe:{number}"))
    return together


def outputs(command: Argv) -> Argv:
    """What follows the input, without what is for the whole program."""
    rest = command[command.index("-i") + 2 :]
    return [argument for at, argument in enumerate(rest) if argument not in GLOBAL and (at == 0 or rest[at - 1] != "-loglevel")]


GLOBAL = {"-nostdin", "-hide_banner", "-loglevel"}
