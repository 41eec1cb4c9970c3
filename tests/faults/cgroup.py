"""A control group that bounds memory, where this machine lets one be made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")
MIB = 1 << 20
GROW = """
import sys
open("/proc/self/oom_score_adj", "w").write("-1000")
open(sys.argv[1], "w").write("0")
held = bytearray()
for _ in range(int(sys.argv[2])): held += bytes(b"x" * (1 << 20))
"""


@dataclass(frozen=True)
class Cgroup:
    folder: Path
    limit: str  # file names, which differ between the two versions
    usage: str
    events: str

    @property
    def members(self) -> Path:
        return self.folder / "cgroup.procs"

    @property
    def used(self) -> int:
        return int((self.folder / self.usage).read_text())

    @property
    def kills(self) -> int:
        words = (self.folder / self.events).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def press(self, mib: int) -> None:
        """Use so much more than there is, for a moment, by a process that is spared."""
        limit = self.folder / self.limit
        before = limit.read_text()
        limit.write_text(str(self.used + MIB))
        try:
            subprocess.run([sys.executable, "-c", GROW, str(self.members), str(mib)], check=True)
        finally:
            limit.write_text(before)


@contextmanager
def cgroup() -> Iterator[Cgroup]:
    """Skips where none can be made."""
    if (ROOT / "cgroup.controllers").exists():
        group = Cgroup(ROOT / f"livestream-{os.getpid()}", "memory.max", "memory.current", "memory.events")
    else:
        group = Cgroup(
            ROOT / f"memory/livestream-{os.getpid()}", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control"
        )
    try:
        group.folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if not (group.folder / group.limit).exists():
            pytest.skip("no control group here bounds memory: its controller is not enabled")
        yield group
    finally:
        group.folder.rmdir()
