"""What a broadcast's audience was, from MongoDB."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import Channel
from streams import figures
from streams.documents import Audience
from streams.models import Broadcast
from tests.broadcasts import broadcast_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_store")]

NOW = timezone.now()


def over(channel: Channel, minutes: int = 90) -> Broadcast:
    return broadcast_of(channel, "ended", started_at=NOW - dt.timedelta(minutes=minutes), ended_at=NOW)


def minute(peak: int, watch_s: int, latency_ms: int, stalls: int = 0) -> dict[str, int]:
    return {"peak": peak, "watch_s": watch_s, "latency_ms": latency_ms, "stalls": stalls}


def test_the_figures_of_broadcasts_are_summed_over_their_hours(channel: Channel) -> None:
    first, second = over(channel), over(channel, minutes=10)
    Audience.keep(first.pk, {0: minute(3, 1800, 1300), 59: minute(2, 900, 1600, stalls=2), 61: minute(1, 2700, 1300)})
    Audience.note(first.pk, 61, room=4)
    found = figures.of([first, second], NOW)
    assert found[first.pk] == figures.Figures(
        duration_s=5400, peak=3, average=1.0, watch_hours=1.5, stalls=2, latency_ms=1350, chat_peak=4
    )
    assert found[second.pk] == figures.Figures(600, 0, 0.0, 0.0, 0, None, 0)


def test_to_keep_a_minute_again_changes_nothing(channel: Channel) -> None:
    broadcast = over(channel)
    for _ in range(2):
        Audience.keep(broadcast.pk, {61: minute(3, 1800, 1300)})
        Audience.note(broadcast.pk, 61, room=2)
    assert figures.minutes(broadcast, NOW) == [minute(3, 1800, 1300) | {"room": 2, "minute": 61}]


def test_minutes_are_waited_for_while_they_may_come(channel: Channel) -> None:
    recent = over(channel)
    broadcast_of(channel, "ended", started_at=NOW - dt.timedelta(days=2), ended_at=NOW - dt.timedelta(days=1))
    running = broadcast_of(channel, "live")
    assert {pk for pk, _ in figures.awaited(NOW)} == {recent.pk, running.pk}


def test_nothing_is_asked_for_nothing() -> None:
    assert figures.of([], NOW) == {}
