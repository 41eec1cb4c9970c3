"""The decisions, on seconds as a source's job would note them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ladder import AUDIO, RUNGS, SOURCE
from streams.shedding import (
    BEHIND_S,
    LONGEST_RETURN_S,
    PAUSE_S,
    RETURN_S,
    SECONDS,
    Shed,
    Watched,
    away_s,
    late,
    to_return,
    to_shed,
)

START_MS = 1_700_000_000_000
TRANSCODES = [rung.name for rung in RUNGS]
LADDER = [SOURCE, AUDIO, *TRANSCODES]
LOWEST = TRANSCODES[0]
SOUND_LAG_S = 0.3
FPS = 30


def second(n: int, lags: dict[str, float], lost: dict[str, float] | None = None) -> dict[str, Any]:
    at_ms = START_MS + n * 1000
    names = {SOURCE: 0.0, AUDIO: SOUND_LAG_S} | lags
    ends = {name: round(at_ms - 400 - lag * 1000) for name, lag in names.items()}
    rates = {name: FPS * (1 - (lost or {}).get(name, 0)) for name in names}
    frames = {name: round((end - START_MS + 1_000_000) / 1000 * rates[name]) for name, end in ends.items()}
    return {"at_ms": at_ms, "ends": ends, "frames": frames}


def watched(*lags: dict[str, float], name: str = "one", encoded: Sequence[str] = LADDER, **more: Any) -> Watched:
    return Watched(name, frozenset(encoded), [second(n, each, **more) for n, each in enumerate(lags)])


def steadily(seconds: int = SECONDS, name: str = "one", **lags: float) -> Watched:
    return watched(*[{f"{size.removeprefix('p')}p": lag for size, lag in lags.items()}] * seconds, name=name)


def now(watched: Watched, after_s: float = 0.5) -> dt.datetime:
    return dt.datetime.fromtimestamp(watched.seconds[-1]["at_ms"] / 1000 + after_s, tz=dt.UTC)


def behind(lag_s: float = 2.0, seconds: int = SECONDS) -> Watched:
    return steadily(seconds, p360=0.2, p480=0.2, p720=lag_s)


# --- what is stopped --------------------------------------------------------------------------------------------------------


def test_who_keeps_up_is_left_alone() -> None:
    fine = behind(0.9)
    assert late(fine, now(fine)) == set() and to_shed([fine], None, now(fine)) is None


def test_a_transcode_that_stays_behind_is_stopped_after_eight_seconds() -> None:
    soon = behind(seconds=8)
    assert to_shed([soon], None, now(soon)) is None
    later = behind(seconds=10)
    assert to_shed([later], None, now(later)) == ("one", "720p")


def test_it_is_the_costliest_whichever_is_late() -> None:
    found = steadily(p360=3.0, p480=0.2, p720=0.2)
    assert late(found, now(found)) == {LOWEST}
    assert to_shed([found], None, now(found)) == ("one", "720p")


def test_what_nobody_encodes_any_more_is_not_stopped_again() -> None:
    names = [SOURCE, AUDIO, "360p", "480p"]
    found = watched(*[{"360p": 3.0, "480p": 3.0, "720p": 60.0}] * SECONDS, encoded=names)
    assert to_shed([found], None, now(found)) == ("one", "480p")


def test_what_has_not_begun_is_not_stopped_either() -> None:
    found = watched(*[{"360p": 3.0, "480p": 3.0}] * SECONDS)
    assert to_shed([found], None, now(found)) == ("one", "480p")


def test_only_a_broadcast_that_is_late_gives_something_up() -> None:
    fine, found = steadily(p360=0.2, p480=0.2, p720=0.2), steadily(name="two", p360=0.2, p480=1.5)
    assert to_shed([fine, found], None, now(found)) == ("two", "480p")


def test_what_stands_still_is_no_sign_of_load() -> None:
    found = watched(*[{"360p": 0.2, "720p": 2.0 + n} for n in range(SECONDS)])
    assert late(found, now(found)) == set()


def test_old_seconds_say_nothing() -> None:
    found = behind()
    assert to_shed([found], None, now(found, after_s=4)) is None


def test_a_transcode_that_loses_frames_for_long_is_late() -> None:
    lags = [dict.fromkeys(TRANSCODES, 0.3)] * SECONDS
    kept, lost = watched(*lags, lost={"480p": 0.02}), watched(*lags, lost={"480p": 0.05})
    assert late(kept, now(kept)) == set() and late(lost, now(lost)) == {"480p"}


def test_frames_that_are_missing_once_are_forgiven() -> None:
    seconds = [second(n, dict.fromkeys(TRANSCODES, 0.3)) for n in range(SECONDS)]
    for each in seconds[5:]:
        each["frames"]["480p"] -= 20
    found = Watched("one", frozenset(LADDER), seconds)
    assert late(found, now(found)) == set()


def test_an_encoder_that_has_just_followed_another_loses_nothing() -> None:
    seconds = [second(n, dict.fromkeys(TRANSCODES, 0.3)) for n in range(SECONDS)]
    for each in seconds[6:]:
        each["frames"]["480p"] = 5
    found = Watched("one", frozenset(LADDER), seconds)
    assert late(found, now(found)) == set()


lags = st.floats(0, 20, allow_nan=False)
histories = st.lists(st.fixed_dictionaries(dict.fromkeys(TRANSCODES, lags)), min_size=SECONDS, max_size=SECONDS)


@given(histories)
def test_source_sound_and_the_lowest_rendition_are_never_stopped(history: list[dict[str, float]]) -> None:
    found = watched(*history)
    shed = to_shed([found], None, now(found))
    assert shed is None or shed[1] in {"480p", "720p"}


@given(histories, st.floats(0, PAUSE_S - 0.01))
def test_nothing_is_changed_soon_after_a_change(history: list[dict[str, float]], since_s: float) -> None:
    found = watched(*history)
    at = now(found) - dt.timedelta(seconds=since_s)
    assert to_shed([found], at, now(found)) is None


@given(
    st.fixed_dictionaries({name: st.floats(0, 30) for name in TRANSCODES}),
    st.fixed_dictionaries({name: st.floats(0.02, 0.9) for name in TRANSCODES}),
)
def test_who_catches_up_is_never_a_reason(first: dict[str, float], gained: dict[str, float]) -> None:
    history = [{name: max(0.0, lag - n * gained[name]) for name, lag in first.items()} for n in range(SECONDS)]
    found = watched(*history)
    assert to_shed([found], None, now(found)) is None


@given(st.floats(0.5, 6), st.integers(2, 5), st.integers(30, 120))
def test_one_at_a_time_until_it_fits(speed: float, carried: int, length_s: int) -> None:
    """An encoder pool that can carry so much: as long as more is encoded, everybody falls behind."""
    encoded, lag, changed, stopped = set(LADDER), 0.0, None, list[dt.datetime]()
    history: list[dict[str, float]] = []
    for n in range(length_s):
        lag = min(lag + speed / 10, n / 2) if len(encoded) > carried else max(0.0, lag - 0.5)
        history.append({name: lag for name in TRANSCODES if name in encoded})
        noted = [second(at, each) for at, each in enumerate(history)][-SECONDS:]
        found = Watched("one", frozenset(encoded), noted)
        if shed := to_shed([found], changed, now(found)):
            encoded.remove(shed[1])
            changed = now(found)
            stopped.append(changed)
    assert {SOURCE, AUDIO, LOWEST} <= encoded
    assert all((b - a).total_seconds() >= PAUSE_S for a, b in zip(stopped, stopped[1:], strict=False))
    assert len(encoded) >= min(carried, len(LADDER))


# --- what comes back --------------------------------------------------------------------------------------------------------


def gone(ago_s: float, rendition: str = "720p", times: int = 1, of: Watched | None = None) -> Shed:
    at = now(of or behind(0.2))
    return Shed("one", rendition, at - dt.timedelta(seconds=ago_s), times)


def test_it_comes_back_after_a_while_when_there_is_room_and_nobody_is_late() -> None:
    fine, late_one, due = behind(0.2), behind(), gone(RETURN_S)
    assert to_return([due], [fine], 1, None, now(fine)) == due
    assert to_return([due], [fine], 0, None, now(fine)) is None
    assert to_return([due], [late_one], 1, None, now(fine)) is None
    assert to_return([gone(RETURN_S - 1)], [fine], 1, None, now(fine)) is None
    assert to_return([due], [fine], 1, now(fine) - dt.timedelta(seconds=PAUSE_S - 1), now(fine)) is None


def test_the_cheapest_comes_back_first() -> None:
    fine = behind(0.2)
    assert to_return([gone(500), gone(400, "480p")], [fine], 2, None, now(fine)) == gone(400, "480p")


@pytest.mark.parametrize(("times", "seconds"), [(1, RETURN_S), (2, 2 * RETURN_S), (3, 4 * RETURN_S), (40, LONGEST_RETURN_S)])
def test_what_was_stopped_often_stays_away_for_longer(times: int, seconds: int) -> None:
    assert away_s(times) == seconds


def test_what_counts_as_behind_is_more_than_a_second() -> None:
    exactly = behind(BEHIND_S)
    assert late(exactly, now(exactly)) == set()
