"""What a rendition's encoder announced, and what of it is still listed.

A timeline is a row of records with running numbers. Each record stands for itself, so that a reader who joins late, or finds a
gap in the numbers, renders the same playlist as one who saw them all.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

WINDOW_SEGMENTS = 18  # about 36 s
PRELUDE_SEGMENTS = 7  # gap segments before the first real one: players start no sooner on a shorter list
PRELUDE_MS = 2000
LONGEST_GAP_MS = 3390  # no longer than the shortest target duration, when rounded
CUT_MS = 350  # of the last segment of a session that ended: some renditions were a part further than others


class BadRecord(ValueError):
    """A record that this version cannot read."""


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    epoch: int
    msn: int  # the media sequence number of its segment
    era: int  # counts discontinuities
    init: int
    at_ms: int  # program date, Unix ms
    duration_ms: float
    independent: bool

    @property
    def name(self) -> str:
        return f"{self.epoch}-{self.number}"

    def encode(self) -> str:
        """Without the number and the epoch: those are given where it is stored."""
        return json.dumps(
            [self.msn, self.era, self.init, self.at_ms, round(self.duration_ms, 3), int(self.independent)],
            separators=(",", ":"),
        )


@dataclass(frozen=True, slots=True)
class End:
    number: int


Record = Part | End


def decode(text: str | bytes) -> Record:
    """[number, "part" | "end", epoch, [field, …]]"""
    try:
        number, kind, epoch, fields = json.loads(text)
        if kind == "part":
            msn, era, init, at_ms, duration_ms, independent = fields
            return Part(number, epoch, msn, era, init, at_ms, duration_ms, bool(independent))
        if kind == "end":
            return End(number)
    except (ValueError, TypeError) as error:
        raise BadRecord(f"unreadable timeline record: {error}") from error
    raise BadRecord(f"unknown timeline record: {kind!r}")


@dataclass(slots=True)
class Segment:
    msn: int
    era: int
    at_ms: int
    init: int | None  # None: a gap
    parts: list[Part] = field(default_factory=list)
    duration_ms: float = 0
    complete: bool = False


class Timeline:
    """The listed segments of one rendition, oldest first; the last one may be open."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.segments: deque[Segment] = deque(maxlen=WINDOW_SEGMENTS)
        self.number = 0
        self.epoch = 0
        self.ended = False
        for record in records:
            self.apply(record)

    def follows(self, record: Record) -> bool:
        return record.number == self.number + 1

    def lacks_before(self, record: Record) -> bool:
        """Whether records were missed, or count anew because the store was emptied."""
        anew = not isinstance(record, End) and record.epoch > self.epoch and record.number <= self.number
        return anew or record.number > self.number + 1

    def apply(self, record: Record) -> None:
        first = record.number == 1
        self.number = record.number
        if isinstance(record, End):
            self.ended = True
            self._complete()
            return
        self.epoch = record.epoch
        if first:
            self._prelude(record)
        if not self.segments or self.segments[-1].msn < record.msn:
            self._open(record)
        segment = self.segments[-1]
        segment.parts.append(record)
        segment.duration_ms += record.duration_ms

    def _open(self, record: Part) -> None:
        self._complete()
        self._fill(record)
        self.segments.append(Segment(record.msn, record.era, record.at_ms, record.init))

    def _fill(self, record: Part) -> None:
        """Numbers that were missed, while one encoder followed another, are gaps: players count the segments of a list."""
        if not self.segments:
            return
        last = self.segments[-1]
        silent_from = last.at_ms + last.duration_ms
        missing = max(1, record.msn - last.msn - 1)
        longest_ms = CUT_MS if missing == 1 and record.era > last.era else LONGEST_GAP_MS
        each_ms = min(max(0.0, record.at_ms - silent_from) / missing, longest_ms)
        for msn in range(max(last.msn + 1, record.msn - WINDOW_SEGMENTS), record.msn):
            at_ms = round(silent_from + (msn - last.msn - 1) * each_ms)
            self.segments.append(Segment(msn, last.era, at_ms, None, duration_ms=each_ms, complete=True))

    def _complete(self) -> None:
        if self.segments:
            self.segments[-1].complete = True

    def _prelude(self, record: Part) -> None:
        for back in range(PRELUDE_SEGMENTS, 0, -1):
            at_ms = record.at_ms - back * PRELUDE_MS
            self.segments.append(Segment(record.msn - back, record.era, at_ms, None, duration_ms=PRELUDE_MS, complete=True))

    @property
    def started(self) -> bool:
        return any(segment.parts for segment in self.segments)

    @property
    def independent(self) -> bool:
        """Whether each segment begins with a keyframe: a source that is late with one begins without."""
        return all(segment.parts[0].independent for segment in self.segments if segment.parts)

    @property
    def last_msn(self) -> int:
        return self.segments[-1].msn if self.segments else -1

    @property
    def last_part(self) -> int:
        """The number of the last part in the last segment; -1 while that has none."""
        return len(self.segments[-1].parts) - 1 if self.segments else -1

    def holds(self, msn: int, part: int | None) -> bool:
        """Whether the playlist already lists this segment, or this part of it or what comes after it (RFC 8216bis 6.2.5.2)."""
        if self.ended or self.last_msn > msn:
            return True
        last = self.segments[-1] if self.segments else None
        if last is None or last.msn < msn:
            return False
        return last.complete if part is None else len(last.parts) > part

    def segment(self, msn: int) -> Segment | None:
        return next((s for s in self.segments if s.msn == msn and s.parts), None)

    @property
    def hint(self) -> str | None:
        """The name of the part that comes next."""
        return None if self.ended else f"{self.epoch}-{self.number + 1}"
