from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Channel
from interactions import jobs
from streams import broadcasts
from streams.models import Broadcast
from tests.broadcasts import broadcast_of
from tests.interactions.rooms import items
from tests.streams.rig import own_channel

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("control", "clean_queue")]


def told() -> list[tuple[str, str]]:
    waiting = ProcrastinateJob.objects.filter(task_name="tell_room").order_by("id")
    return [(job.args["broadcast_id"], job.args["kind"]) for job in waiting]


def run_deferred() -> None:
    for broadcast_id, kind in told():
        async_to_sync(jobs.tell_room.func)(broadcast_id, kind)


def test_the_room_hears_that_its_channel_is_live_and_that_it_ended() -> None:
    broadcast = broadcast_of(own_channel(), "publishing")
    assert broadcasts.go_live(broadcast.pk, timezone.now())
    assert not broadcasts.go_live(broadcast.pk, timezone.now())
    assert broadcasts.end(broadcast.pk, "stopped", timezone.now())
    assert told() == [(broadcast.pk, "live"), (broadcast.pk, "ended")]
    run_deferred()
    broadcast.refresh_from_db()
    assert broadcast.live_at and broadcast.ended_at
    heard = [(item["t"], item["kind"], item["at"]) for item in items(broadcast.channel)]
    assert heard == [
        ("sys", "live", int(broadcast.live_at.timestamp() * 1000)),
        ("sys", "ended", int(broadcast.ended_at.timestamp() * 1000)),
    ]


def test_the_room_hears_that_the_connection_was_lost_and_is_there_again() -> None:
    broadcast = broadcast_of(own_channel(reconnect_s=90), "live", live_at=timezone.now())
    assert broadcasts.publisher_left("boot:1", timezone.now())
    run_deferred()
    assert [item["kind"] for item in items(broadcast.channel)] == ["lost"]
    Broadcast.objects.update(connected_at=timezone.now(), epoch=2)
    assert broadcasts.go_live(broadcast.pk, timezone.now(), epoch=2)
    assert told() == [(broadcast.pk, "lost"), (broadcast.pk, "back")]


def test_what_was_never_live_does_not_end_for_the_room() -> None:
    broadcast = broadcast_of(own_channel(), "publishing")
    broadcasts.end(broadcast.pk, "no_media", timezone.now())
    run_deferred()
    assert items(broadcast.channel) == []


def test_a_change_that_did_not_happen_is_not_told(channel: Channel) -> None:
    assert not broadcasts.go_live(broadcast_of(channel, "ended").pk, timezone.now())
    assert told() == []


def test_a_receiver_that_fails_stops_nobodys_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(sender: type[Broadcast], broadcast_id: str, **kwargs: Any) -> None:
        Broadcast.objects.create(pk=broadcast_id)  # an error of PostgreSQL, within the transaction of the change
        raise AssertionError("not reached")

    monkeypatch.setattr(broadcasts, "went_live", Signal())
    guarded = transaction.atomic(broken)  # as ours are
    broadcasts.went_live.connect(guarded)
    broadcast = broadcast_of(own_channel(), "publishing")
    assert broadcasts.go_live(broadcast.pk, timezone.now())
    broadcast.refresh_from_db()
    assert broadcast.state == "live"
