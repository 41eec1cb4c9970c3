"""The time that all processes share, as one of them has it."""

import datetime as dt
import time

import pytest

from streams import database_time
from streams.database_time import LATE_MS, DatabaseTime
from streams.moments import moment

HOUR = dt.timedelta(hours=1)


class Passing:
    """What a process's clock for elapsed time says."""

    s = 100.0

    def monotonic(self) -> float:
        return self.s


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Passing:
    made = Passing()
    monkeypatch.setattr(database_time, "time", made)
    return made


NOW = moment(1_700_000_000_000)


@pytest.mark.django_db
def test_it_is_the_database_that_says_what_time_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    first, second = database_time.now(), database_time.now()
    assert dt.timedelta() < second - first < HOUR and first.tzinfo
    assert abs(dt.datetime.now(dt.UTC) - first) < HOUR


def test_it_goes_on_between_two_looks(passing: Passing) -> None:
    shared = DatabaseTime(NOW)
    passing.s += 2.5
    assert shared.now_ms() == 1_700_000_002_500


def test_of_two_answers_the_one_that_came_sooner_is_right(passing: Passing) -> None:
    """Both were right when they were given."""
    shared = DatabaseTime(NOW - dt.timedelta(milliseconds=30))
    shared.set(NOW)
    shared.set(NOW - dt.timedelta(milliseconds=LATE_MS))
    assert shared.now_ms() == 1_700_000_000_000


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_it_follows_a_database_whose_clock_is_set(passing: Passing, by: dt.timedelta) -> None:
    shared = DatabaseTime(NOW)
    shared.set(NOW + by)
    assert moment(shared.now_ms()) == NOW + by
