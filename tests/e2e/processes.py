"""The processes of the running site."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.instance import Instance
from deploy.local.program import system_tool
from tests.live import Site


def commands(site: Site) -> dict[int, str]:
    """pid → command line, of everything below its supervisor."""
    root = int((site.folder / "supervisord.pid").read_text())
    return {pid: read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ") for pid in [root, *below(root)]}


def below(pid: int) -> list[int]:
    children = [int(child) for tasks in Path(f"/proc/{pid}/task").glob("*/children") for child in read(tasks).split()]
    return children + [deeper for child in children for deeper in below(child)]


def read(file: Path) -> str:
    """Empty, once the process has ended."""
    try:
        return file.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def asked_of_the_origin(site: Site) -> int:
    """How many requests the edge has passed on."""
    return of_the_edge(site, "MAIN.backend_req")


def of_the_edge(site: Site, statistic: str) -> int:
    work = Instance(site.folder.resolve(), public=False).data / "varnish" / "work"
    command = [system_tool("varnishstat"), "-n", str(work), "-j", "-f", statistic]
    statistics = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return int(statistics["counters"][statistic]["value"])


def workers(site: Site, pool: str) -> list[int]:
    """The pids of a pool of servers, without their master."""
    found = {pid for pid, command in commands(site).items() if f"--name {pool}" in command}
    return [pid for pid in found if parent(pid) in found]


def parent(pid: int) -> int:
    return int(read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[1])


@contextmanager
def paused(site: Site, program: str) -> Iterator[None]:
    [pid] = [pid for pid, command in commands(site).items() if program in command]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
