"""Which transcode to stop where the site cannot keep up, and which to bring back: pure, from the seconds that were noted.

Source, sound and the lowest rendition always go on. One thing is changed at a time, and then it is seen what comes of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from streams.advice import Second, lag_s
from streams.ladder import BY_NAME, RUNGS

BEHIND_S = 1.0  # more, after the source
PATIENCE_S = 8
SECONDS = 11  # that are looked at: noted once a second, or a little more rarely
STALE_S = 3
LOST = 0.03  # of the frames that another transcode has
PERIODS = 3  # in each of which they are lost: while one ffmpeg follows another, it is in one of them
PAUSE_S = 10
RETURN_S = 60  # doubles each time
LONGEST_RETURN_S = 1920


@dataclass(frozen=True, slots=True)
class Watched:
    """A broadcast, the renditions that somebody encodes or should, and its last seconds."""

    broadcast_id: str
    encoded: frozenset[str]
    seconds: Sequence[Second]


@dataclass(frozen=True, slots=True)
class Shed:
    """A rendition that was stopped, and how often that was."""

    broadcast_id: str
    rendition: str
    at: dt.datetime
    times: int


def to_shed(watched: Iterable[Watched], changed_at: dt.datetime | None, now: dt.datetime) -> tuple[str, str] | None:
    """(broadcast, rendition): the costliest transcode of those broadcasts that are late."""
    if not _settled(changed_at, now):
        return None
    found = [(cost(name), each.broadcast_id, name) for each in watched if late(each, now) for name in running(each)]
    price, broadcast_id, name = max(found, default=(0, "", ""))
    return (broadcast_id, name) if price else None


def to_return(
    shed: Iterable[Shed], watched: Iterable[Watched], room: int, changed_at: dt.datetime | None, now: dt.datetime
) -> Shed | None:
    """The cheapest of those that have been away for long enough, when nobody is late and there is room."""
    if room < 1 or not _settled(changed_at, now) or any(late(each, now) for each in watched):
        return None
    due = [each for each in shed if (now - each.at).total_seconds() >= away_s(each.times)]
    return min(due, key=lambda each: (cost(each.rendition), each.broadcast_id), default=None)


def cost(rendition: str) -> int:
    """Of stopping it something is gained; 0: it is never stopped."""
    return BY_NAME[rendition].kbit_s if rendition in BY_NAME and rendition != RUNGS[0].name else 0


def away_s(times: int) -> int:
    return min(RETURN_S * 2 ** (times - 1), LONGEST_RETURN_S)


def running(watched: Watched) -> set[str]:
    return watched.encoded & watched.seconds[-1]["ends"].keys() if watched.seconds else set()


def late(watched: Watched, now: dt.datetime) -> set[str]:
    """The transcodes that are behind and stay so, or lose frames."""
    seconds = _last(watched.seconds, now)
    if seconds is None:
        return set()
    names = {name for name in watched.encoded if name in BY_NAME and all(name in each["ends"] for each in seconds)}
    return {name for name in names if is_behind(name, seconds)} | losing(names, seconds)


def is_behind(name: str, seconds: Sequence[Second]) -> bool:
    """It moves, but too slowly: what stands still has failed, which is another matter."""
    lags = [lag_s(each, name) or 0 for each in seconds]
    half = len(lags) // 2
    catches_up = fmean(lags[half:]) < fmean(lags[:half])
    return min(lags) > BEHIND_S and not catches_up and seconds[-1]["ends"][name] > seconds[0]["ends"][name]


def losing(names: Iterable[str], seconds: Sequence[Second]) -> set[str]:
    """Compared with the transcode that has the most, as all of them leave out the same of a source."""
    marks = [seconds[round(n * (len(seconds) - 1) / PERIODS)] for n in range(PERIODS + 1)]
    found = set(names)
    for before, after in pairwise(marks):
        rates = {name: rate(name, before, after) for name in names}
        most = max((each for each in rates.values() if each), default=0.0)
        found &= {name for name, each in rates.items() if each is not None and each < (1 - LOST) * most}
    return found


def rate(name: str, before: Second, after: Second) -> float | None:
    """Frames in a millisecond of media; None where that is not known, since its encoder is another one, say."""
    counts: tuple[Mapping[str, int], ...] = (before.get("frames", {}), after.get("frames", {}))
    if any(name not in each for each in counts) or counts[1][name] <= counts[0][name]:
        return None
    length_ms: float = after["ends"][name] - before["ends"][name]
    return (counts[1][name] - counts[0][name]) / length_ms if length_ms > 0 else None


def _last(seconds: Sequence[Second], now: dt.datetime) -> list[Second] | None:
    """PATIENCE_S of them; None where there are not so many, or none is new."""
    if not seconds or now.timestamp() - seconds[-1]["at_ms"] / 1000 > STALE_S:
        return None
    since_ms = seconds[-1]["at_ms"] - PATIENCE_S * 1000
    newer = [each for each in seconds if each["at_ms"] > since_ms]
    if len(newer) == len(seconds) or len(newer) < PATIENCE_S // 2:
        return None
    return list(seconds[-len(newer) - 1 :])


def _settled(changed_at: dt.datetime | None, now: dt.datetime) -> bool:
    return changed_at is None or (now - changed_at).total_seconds() >= PAUSE_S
