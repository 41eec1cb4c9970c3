"""What this machine, or the container that this runs in, has: what is admitted goes by it where nobody says otherwise."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # version 2, as a container sees its own
MEMINFO = Path("/proc/meminfo")
# Two broadcasts with three transcodes each keep a core busy; more of them are shed while they are on.
SLOTS_PER_CORE = 10
MB_PER_SLOT = 100  # an ffmpeg of 720p with its buffers
PEERS = 200  # keep a core busy, and a process of the chat has one
MB_PER_PEER = 1
SHARE_OF_CHAT = 0.25  # of the memory


def cores(cgroup: Path = CGROUP) -> float:
    has = len(os.sched_getaffinity(0))
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    return min(has, int(quota) / int(period)) if quota.isdigit() else has


def memory_mb(cgroup: Path = CGROUP, meminfo: Path = MEMINFO) -> float:
    [total_kb] = [int(line.split()[1]) for line in meminfo.read_text().splitlines() if line.startswith("MemTotal:")]
    limit = _read(cgroup / "memory.max")
    return min(total_kb / 1024, int(limit) / 2**20) if limit.isdigit() else total_kb / 1024


def encoder_slots(cores: float, memory_mb: float) -> int:
    """Renditions that one `runencoder` takes; three at least: the source, its sound and the lowest."""
    return max(3, math.floor(min(cores * SLOTS_PER_CORE, memory_mb / MB_PER_SLOT)))


def chat_peers(cores: float, memory_mb: float) -> int:
    """WebRTC peers of one process of as many as there are cores."""
    return math.floor(min(PEERS, memory_mb * SHARE_OF_CHAT / MB_PER_PEER / math.ceil(cores)))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # no limit: not in a control group of version 2, or in its root
        return ""
