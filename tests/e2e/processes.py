"""The processes of the running site."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def paused(site: Site, program: str) -> Iterator[None]:
    [pid] = [pid for pid, command in commands(site).items() if program in command]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
