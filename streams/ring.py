"""What an encode job has stored lately, for a Redis that was emptied or restarted."""

from __future__ import annotations

import json
from collections import deque

from streams.hls.timeline import Part

KEPT_SEGMENTS = 6  # players want three target durations, and begin sooner on a longer list


class Ring:
    def __init__(self) -> None:
        self.number = self.init_number = self.frames = 0
        self.init = b""
        self.report: str | None = None
        self.gop_ms = 0
        self.parts: deque[tuple[int, str, bytes]] = deque()  # media sequence number, record, data

    def begin(self, number: int, init: bytes) -> None:
        """What was there before cannot be decoded with it."""
        self.init_number, self.init = number, init
        self.parts.clear()

    def add(self, number: int, part: Part, data: bytes, frames: int) -> None:
        self.number, self.frames = number, self.frames + frames
        self.parts.append((part.msn, record(number, part), data))
        while self.parts[0][0] <= part.msn - KEPT_SEGMENTS:
            self.parts.popleft()

    def counters(self) -> str:
        return json.dumps({"n": self.number, "init": self.init_number, "frames": self.frames})


def record(number: int, part: Part) -> str:
    """As a timeline has it."""
    return f'[{number},"part",{part.epoch},{part.encode()}]'
