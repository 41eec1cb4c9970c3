"""Processes that stand for many people: each is given its plan, and begins and ends by the clock."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any


@contextmanager
def running(module: str, plan: Any) -> Iterator[subprocess.Popen[str]]:
    """A module of the benchmarks, which reads its PLAN (a dataclass) as JSON and writes what it saw."""
    command = [sys.executable, "-m", f"benchmarks.{module}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        json.dump(asdict(plan), process.stdin)
        process.stdin.close()
        process.stdin = None
        yield process


def sleep_until(moment: float) -> None:
    """CLOCK_MONOTONIC."""
    time.sleep(max(0.0, moment - time.monotonic()))
