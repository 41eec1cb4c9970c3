"""A player that never stops: it reads a rendition's playlist again and again, and notes what a viewer would notice."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import httpx

from tests.e2e.playlists import Listed, Media

LOOK_S = 0.2
PATIENCE_S = 5


@dataclass
class Probe:
    url: str
    sequence: int = -1  # media sequence number of the first listed segment
    newest: tuple[int, int] = (-1, 0)  # and of the last, with how many parts it has
    falls: list[tuple[int, int]] = field(default_factory=list)  # either of them, from and to
    eras: set[int] = field(default_factory=set)  # discontinuity sequence numbers
    gaps: set[int] = field(default_factory=set)  # numbers that were missed
    refusals: Counter[str] = field(default_factory=Counter)  # other statuses than 200, and what else went wrong
    edge: float = 0  # when the newest part ended, Unix
    leap_s: float = 0  # between the end of a segment and the date of the next, at most
    epoch: int = 0  # of whoever encoded the newest part
    is_served: bool = True  # the last time that it was asked for
    ended: bool = False
    stood_s: float = 0  # for how long nothing came, at most, before something did

    def __enter__(self) -> Self:
        self.over = threading.Event()
        self.moved_at = time.monotonic()
        self.reading = threading.Thread(target=self._read)
        self.reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.reading.join()
        print(self.figures)

    @property
    def behind_s(self) -> float:
        """How old the newest part is."""
        return time.time() - self.edge

    @property
    def longest_s(self) -> float:
        """For how long nothing came, now or before."""
        return max(self.stood_s, time.monotonic() - self.moved_at)

    @property
    def figures(self) -> str:
        counts = f"discontinuities {len(self.eras) - 1}, gaps {len(self.gaps)}, falls {len(self.falls)}"
        return f"stood still {self.stood_s:.2f} s, {counts}, leap {self.leap_s:.1f} s, refusals {dict(self.refusals)}"

    def _read(self) -> None:
        with httpx.Client(timeout=PATIENCE_S) as client:
            while not self.over.wait(LOOK_S):
                try:
                    answer = client.get(self.url)
                except httpx.TransportError as error:
                    self.is_served = False
                    self.refusals[type(error).__name__] += 1
                    continue
                self.is_served = answer.status_code == 200
                if self.is_served:
                    self.look(Media(self.url, answer.text, answer.headers), time.monotonic())
                else:
                    self.refusals[refusal(answer)] += 1

    def look(self, media: Media, now: float) -> None:
        listed = media.segments
        newest = (listed[-1].msn, len(listed[-1].parts) if not listed[-1].url else 1 << 16)
        self._note_falls(media.sequence, newest[0])
        if newest > self.newest:
            self.stood_s, self.moved_at = max(self.stood_s, now - self.moved_at if self.eras else 0), now
        self.sequence, self.newest, self.ended = media.sequence, max(newest, self.newest), media.ended
        if parts := listed[-1].parts:  # what has ended has segments alone
            self.edge = listed[-1].date.timestamp() + sum(part.duration for part in parts)
            self.epoch = epoch_of(parts[-1].url)
        self.eras |= {segment.era for segment in listed}
        numbers = {segment.msn for segment in listed}
        self.gaps |= set(range(min(numbers), max(numbers))) - numbers
        self.leap_s = max([self.leap_s, *(leap_s(*pair) for pair in pairwise(listed))])

    def _note_falls(self, sequence: int, newest: int) -> None:
        if sequence < self.sequence:
            self.falls.append((self.sequence, sequence))
        if newest < self.newest[0]:
            self.falls.append((self.newest[0], newest))


def leap_s(before: Listed, after: Listed) -> float:
    """How far a segment begins from where the one before it ends, by their dates, if it follows that in its era."""
    if (after.msn, after.era) != (before.msn + 1, before.era):
        return 0
    return abs((after.date - before.date).total_seconds() - before.duration)


def refusal(answer: httpx.Response) -> str:
    """A status; a 503 says when to come again."""
    is_complete = answer.status_code != 503 or "retry-after" in answer.headers
    return str(answer.status_code) if is_complete else "503 without Retry-After"


def epoch_of(url: str) -> int:
    found = re.search(r"/p(\d+)-\d+\.mp4", url)
    assert found, url
    return int(found[1])
