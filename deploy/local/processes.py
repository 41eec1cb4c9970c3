"""Child processes of the stack: signals, the command it runs, and what is left when supervisord has gone."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from deploy.local.program import bound

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


def stop_on_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, stop)


def stop(number: int, frame: FrameType | None) -> None:
    """The first signal stops everything in order; more of them must not disturb that."""
    ignore_signals()
    raise Stopped(number)


def ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def adopt_orphans() -> None:
    """What loses its parent becomes a child of this process, also of what it turns into."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def stop_orphans() -> None:
    """End what is left, and what that leaves behind in turn."""
    ignore_signals()
    while left := children():
        for pid in left:
            os.kill(pid, signal.SIGTERM)
        for pid in left:
            if not ended(pid, PATIENCE_S):
                os.kill(pid, signal.SIGKILL)
                ended(pid, PATIENCE_S)
            os.waitpid(pid, 0)


def children() -> list[int]:
    tasks = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    return [int(pid) for pid in tasks.read_text().split()]


def ended(pid: int, within_s: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], within_s)[0])
    finally:
        os.close(descriptor)


def run_until_end(command: list[str], environment: Mapping[str, str]) -> int:
    child = subprocess.Popen([*bound(signal="INT"), *command], env=environment)
    try:
        return child.wait()
    except Stopped as stopped:
        if stopped.signal != signal.SIGINT:  # Ctrl-C reaches the command as well
            child.send_signal(signal.SIGINT)
        if not ended(child.pid, PATIENCE_S):
            child.kill()
        child.wait()
        raise
