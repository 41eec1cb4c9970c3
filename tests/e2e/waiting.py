"""Waiting for what a running site does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.05


def until(look: Callable[[], T], within_s: float, show: Callable[[], object] = lambda: "") -> T:
    """What `look` returns as soon as that is true; `show` says how things stood when it never was."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s; at last: {seen!r} {show()}"
        time.sleep(LOOK_S)
    return seen
