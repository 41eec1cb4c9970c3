"""What the running site's programs cost, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xmlrpc.client import ServerProxy

from tests.e2e.processes import below, read
from tests.live import Site

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
# The programs that answer viewers.
SERVING = {"edge": "varnish", "origin": "origin", "redis": "redis-segments"}


@dataclass(frozen=True)
class Cost:
    cpu_s: float
    memory_mb: float

    def __sub__(self, before: Cost) -> Cost:
        return Cost(self.cpu_s - before.cpu_s, self.memory_mb - before.memory_mb)


class Programs:
    """The site's programs, by their supervisor's names."""

    def __init__(self, site: Site) -> None:
        env = site.env
        supervisor = ServerProxy(f"http://livestream:{env['STORES_PASSWORD']}@{env['SUPERVISOR_LISTEN']}/RPC2").supervisor
        programs: list[dict[str, object]] = supervisor.getAllProcessInfo()  # type: ignore[assignment]
        self.pids = {str(program["name"]): int(str(program["pid"])) for program in programs}

    def cost(self, name: str) -> Cost:
        return cost(tree(self.pids[name]))

    def costs(self) -> dict[str, Cost]:
        return {name: self.cost(name) for name in self.pids}

    def encoders(self) -> list[int]:
        """The ffmpeg processes of the encoder pool."""
        return [pid for pid in below(self.pids["encoder"]) if Path(argv(pid)[0]).name == "ffmpeg"]


def tree(pid: int) -> list[int]:
    return [pid, *below(pid)]


def argv(pid: int) -> list[str]:
    return read(Path(f"/proc/{pid}/cmdline")).rstrip("\0").split("\0")


def cost(pids: Iterable[int]) -> Cost:
    """Of these processes, and of their children that have ended."""
    cpu_s = memory_mb = 0.0
    for pid in pids:
        if fields := read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split():
            cpu_s += sum(map(int, fields[11:15])) * TICK_S
            memory_mb += int(fields[21]) * PAGE_MB
    return Cost(cpu_s, memory_mb)


@dataclass(frozen=True)
class Load:
    """CPU seconds since the machine started."""

    ours_s: float
    all_s: float
    stolen_s: float  # by other virtual machines

    @classmethod
    def now(cls, root: int) -> Load:
        """ROOT: the process above all of ours."""
        user, nice, system, _, _, _, _, steal = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
        return cls(cost(tree(root)).cpu_s, (user + nice + system) * TICK_S, steal * TICK_S)

    def since(self, before: Load, seconds: float) -> dict[str, float]:
        """In cores."""
        ours, all_ = self.ours_s - before.ours_s, self.all_s - before.all_s
        return {
            "ours": round(ours / seconds, 2),
            "foreign": round(max(0.0, all_ - ours) / seconds, 2),
            "stolen": round((self.stolen_s - before.stolen_s) / seconds, 2),
        }
