"""The rules with a time that is given; looks on the real stores, with streams as the RTMP server would tell them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings
from redis.asyncio import Redis

from accounts.models import Channel
from streams import announcements, broadcasts, leases, reconcile, segment_cache
from streams.models import Broadcast, EncodeLease
from streams.reconcile import MISSING_S, NO_MEDIA_S, NO_PICTURE_S, verdict, verdict_unseen
from streams.rtmp import Stream
from tests.broadcasts import broadcast_of
from tests.log_lines import json_of
from tests.streams.rig import begun, own_channel, part, random_id, variant
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["rtmp_server"]

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOWHERE = "redis://127.0.0.1:1/0"
SENDING = Stream("7", 5, "H264", "AAC")


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


# --- the rules ------------------------------------------------------------------------------------------------------------


def unsaved(state: str, missing_since: dt.datetime | None = None) -> Broadcast:
    return Broadcast(state=state, started_at=START, connected_at=START, missing_since=missing_since)


def waiting_until(until: dt.datetime, reason: str) -> Broadcast:
    given = {"lost_at": START, "reconnect_until": until, "end_reason": reason}
    return Broadcast(state="reconnecting", started_at=START, connected_at=None, **given)


@pytest.mark.parametrize("state", ["publishing", "live", "reconnecting"])
@pytest.mark.parametrize("stream", [None, Stream(None, 5)])
def test_a_publisher_that_is_gone_for_long_is_lost(state: str, stream: Stream | None) -> None:
    assert verdict(unsaved(state), stream, at(100)) is None
    assert verdict(unsaved(state, at(100)), stream, at(100 + MISSING_S - 0.1)) is None
    assert verdict(unsaved(state, at(100)), stream, at(100 + MISSING_S)) == "lost"


def test_a_publisher_that_is_back_is_not_lost() -> None:
    assert verdict(unsaved("live", at(100)), SENDING, at(200)) is None


@pytest.mark.parametrize(
    ("stream", "age_s", "reason"),
    [
        (SENDING, NO_PICTURE_S, None),
        (SENDING, NO_MEDIA_S - 0.1, None),  # a long group of pictures
        (SENDING, NO_MEDIA_S, "encoder_failed"),
        (Stream("7", 5, "H264"), NO_MEDIA_S, "encoder_failed"),
        (Stream("7", 5, "Sorenson-H263", "AAC"), NO_PICTURE_S - 0.1, None),
        (Stream("7", 5, "Sorenson-H263", "AAC"), NO_PICTURE_S, "codec"),
        (Stream("7", 5, "", "MP3"), NO_PICTURE_S - 0.1, None),
        (Stream("7", 5, "", "MP3"), NO_PICTURE_S, "no_video"),
        (Stream("7", 5), NO_MEDIA_S - 0.1, None),
        (Stream("7", 5), NO_MEDIA_S, "no_media"),
    ],
)
def test_a_broadcast_that_shows_nothing_ends_with_the_reason(stream: Stream, age_s: float, reason: str | None) -> None:
    assert verdict(unsaved("publishing"), stream, at(age_s)) == reason


@pytest.mark.parametrize(
    ("pictured_s", "reason"),
    [(None, None), (100, None), (100.1 - NO_MEDIA_S, None), (100 - NO_MEDIA_S, "no_media")],
)
def test_a_live_broadcast_ends_when_its_picture_stops(pictured_s: float | None, reason: str | None) -> None:
    pictured_at = None if pictured_s is None else at(pictured_s)
    assert verdict(unsaved("live"), SENDING, at(100), pictured_at) == reason


@pytest.mark.parametrize("reason", ["stopped", "lost"])
def test_a_broadcast_that_waits_ends_when_its_time_is_over(reason: str) -> None:
    broadcast = waiting_until(at(100), reason)
    assert verdict(broadcast, None, at(99.9)) is None
    assert verdict(broadcast, None, at(100)) == reason


@pytest.mark.parametrize(
    ("stream", "age_s", "reason"), [(SENDING, NO_MEDIA_S - 0.1, None), (Stream("7", 5), NO_MEDIA_S, "no_media")]
)
def test_who_comes_back_must_show_something_within_the_same_time(stream: Stream, age_s: float, reason: str | None) -> None:
    assert verdict(unsaved("reconnecting"), stream, at(age_s), at(-60)) == reason


@pytest.mark.parametrize(
    ("state", "pictured_s", "age_s", "reason"),
    [
        ("live", 100 - NO_MEDIA_S + 0.1, 100, None),
        ("live", 100 - NO_MEDIA_S, 100, "lost"),
        ("live", None, 100, None),  # nobody can say
        ("publishing", None, NO_MEDIA_S - 0.1, None),
        ("publishing", None, NO_MEDIA_S, "lost"),
        ("reconnecting", -60, NO_MEDIA_S - 0.1, None),
        ("reconnecting", -60, NO_MEDIA_S, "lost"),
    ],
)
def test_while_the_rtmp_server_does_not_answer_pictures_tell_of_the_publisher(
    state: str, pictured_s: float | None, age_s: float, reason: str | None
) -> None:
    pictured_at = None if pictured_s is None else at(pictured_s)
    assert verdict_unseen(unsaved(state), at(age_s), pictured_at) == reason


def test_a_window_ends_while_the_rtmp_server_does_not_answer() -> None:
    broadcast = waiting_until(at(100), "lost")
    assert verdict_unseen(broadcast, at(99.9), None) is None
    assert verdict_unseen(broadcast, at(100), None) == "lost"


# --- looks ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


@pytest.fixture(autouse=True)
def has_seen_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "sight", reconcile.Sight())


@pytest.fixture
def broadcast(db: None, now: dt.datetime, rtmp_server: RtmpServer) -> Broadcast:
    channel = own_channel()
    made = broadcast_of(channel, "live", ingest_name=random_id(), ladder=["source"], started_at=now, live_at=now)
    leases.claim(made.id, "source", "one")
    return made


def after(now: dt.datetime, seconds: float) -> dt.datetime:
    return now + dt.timedelta(seconds=seconds)


def in_redis(call: Any, *args: Any) -> Any:
    async def run() -> Any:
        async with segment_cache.connect() as redis:
            return await call(redis, *args)

    return async_to_sync(run)()


def page(channel: Channel) -> dict[str, Any]:
    shown: dict[str, Any] = in_redis(segment_cache.shown, channel.name)
    return shown


def sending(broadcast: Broadcast) -> dict[str, Stream]:
    return {broadcast.ingest_name: SENDING}


def waiting() -> list[str]:
    return [job.args["rendition"] for job in ProcrastinateJob.objects.filter(task_name="encode", status="todo")]


def lapse(broadcast: Broadcast, seconds: float, failures: int = 0) -> None:
    """As if the lease had been seen lapsed this long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE streams_encodelease SET failures = %s, expires_at = clock_timestamp() - interval '1 minute',"
            " suspect_since = clock_timestamp() - interval '1 second' * %s WHERE broadcast_id = %s",
            [failures, seconds, broadcast.id],
        )


def test_a_lost_publisher_ends_its_broadcast_at_a_later_look(broadcast: Broadcast, now: dt.datetime) -> None:
    for seconds, state in ((0, "live"), (2, "live"), (MISSING_S - 0.1, "live"), (MISSING_S, "ended")):
        reconcile.look({}, after(now, seconds))
        broadcast.refresh_from_db()
        assert broadcast.state == state
    assert broadcast.end_reason == "lost" and page(broadcast.channel)["state"] == "ended"
    assert in_redis(segment_cache.master, broadcast.id).ended


def test_a_publisher_that_was_missed_once_is_forgiven(broadcast: Broadcast, now: dt.datetime) -> None:
    for seconds, streams in ((0, {}), (2, sending(broadcast)), (8, {}), (12, {})):
        reconcile.look(streams, after(now, seconds))
    broadcast.refresh_from_db()
    assert broadcast.state == "live" and broadcast.missing_since == after(now, 8)


def test_a_broadcast_without_pictures_ends_and_its_publisher_is_dropped(
    broadcast: Broadcast, now: dt.datetime, rtmp_server: RtmpServer
) -> None:
    async def last_picture(redis: Redis) -> None:
        writer = await begun(redis, broadcast.id, "source")
        await writer.store(part(10), b"one", int(now.timestamp() * 1000))

    in_redis(last_picture)
    reconcile.look(sending(broadcast), after(now, NO_MEDIA_S - 1))
    broadcast.refresh_from_db()
    assert broadcast.state == "live"
    reconcile.look(sending(broadcast), after(now, NO_MEDIA_S))
    broadcast.refresh_from_db()
    assert broadcast.end_reason == "no_media" and rtmp_server.dropped == [broadcast.ingest_name]


def test_a_picture_is_not_missed_while_redis_is_away(broadcast: Broadcast, now: dt.datetime, settings: Settings) -> None:
    """As when it was paused: it answers again, with a last picture from before."""

    async def last_picture(redis: Redis) -> None:
        writer = await begun(redis, broadcast.id, "source")
        await writer.store(part(10), b"one", int(now.timestamp() * 1000))

    in_redis(last_picture)
    there, settings.SEGMENTS_REDIS_URL = settings.SEGMENTS_REDIS_URL, NOWHERE
    reconcile.look(sending(broadcast), after(now, NO_MEDIA_S))
    settings.SEGMENTS_REDIS_URL = there
    for seconds, reason in ((NO_MEDIA_S + 1, ""), (2 * NO_MEDIA_S, "no_media")):
        reconcile.look(sending(broadcast), after(now, seconds))
        broadcast.refresh_from_db()
        assert broadcast.end_reason == reason


def test_a_publisher_without_a_broadcast_is_dropped(broadcast: Broadcast, now: dt.datetime, rtmp_server: RtmpServer) -> None:
    waited_for = {"waited-for": Stream(None, 3)}
    reconcile.look(sending(broadcast) | {"stray": SENDING} | waited_for, now)
    assert rtmp_server.dropped == ["stray"]


def test_a_page_that_redis_lost_is_shown_again(broadcast: Broadcast, now: dt.datetime) -> None:
    reconcile.look(sending(broadcast), now)
    shown = page(broadcast.channel)
    assert (shown["id"], shown["state"]) == (broadcast.id, "live")
    reconcile.look(sending(broadcast), after(now, 2))
    assert page(broadcast.channel)["n"] == shown["n"]  # it is not told again


def test_without_redis_the_looks_go_on(broadcast: Broadcast, now: dt.datetime, settings: Settings) -> None:
    settings.SEGMENTS_REDIS_URL = NOWHERE
    lapse(broadcast, leases.SUSPECT_S + 1)
    reconcile.look({}, now)
    reconcile.look({}, after(now, MISSING_S))
    broadcast.refresh_from_db()
    assert broadcast.state == "ended" and waiting() == ["source"]


def test_what_a_look_logs_is_about_the_broadcast_that_it_is_of(
    broadcast: Broadcast, now: dt.datetime, settings: Settings, rtmp_server: RtmpServer
) -> None:
    """Whichever module writes it."""
    other = broadcast_of(own_channel(), "live", ingest_name=random_id(), ladder=["source"], started_at=now, live_at=now)
    leases.claim(other.id, "source", "two")
    lapse(other, leases.SUSPECT_S + 1)
    settings.SEGMENTS_REDIS_URL, rtmp_server.working = NOWHERE, False
    shown = {broadcast.ingest_name: Stream("7", 5, "VP6", "AAC"), other.ingest_name: SENDING}
    Broadcast.objects.filter(pk=broadcast.pk).update(state="publishing")
    with json_of("streams") as written:
        reconcile.look(shown, after(now, NO_PICTURE_S + 1))
    about = {line["message"]: line.get("broadcast") for line in written.lines}
    assert about.pop("segments Redis: ConnectionError") is None
    assert about == {
        f"broadcast {broadcast.pk}: codec": broadcast.pk,
        f"broadcast {broadcast.pk} is closed later: ConnectionError": broadcast.pk,
        "the RTMP server did not drop the publisher: HTTPStatusError": broadcast.pk,
        f"source of {other.pk} has no encoder: a new one is called": other.pk,
    }
    assert broadcast.key_hash not in written.text and broadcast.ingest_name not in written.text


# --- encoders -------------------------------------------------------------------------------------------------------------


def test_a_lease_that_lives_needs_no_other_encoder(broadcast: Broadcast, now: dt.datetime) -> None:
    reconcile.look(sending(broadcast), now)
    assert waiting() == []


def test_a_lease_that_lapsed_for_long_gets_a_new_job_and_only_one(broadcast: Broadcast, now: dt.datetime) -> None:
    lapse(broadcast, leases.SUSPECT_S - 0.5)
    reconcile.look(sending(broadcast), now)
    assert waiting() == []
    lapse(broadcast, leases.SUSPECT_S + 0.1)
    for _ in range(3):
        reconcile.look(sending(broadcast), now)
    assert waiting() == ["source"]


def test_a_job_that_was_lost_before_it_claimed_anything_is_replaced(broadcast: Broadcast, now: dt.datetime) -> None:
    EncodeLease.objects.all().delete()
    reconcile.look(sending(broadcast), now)
    assert waiting() == []
    Broadcast.objects.update(connected_at=after(now, -leases.UNCLAIMED_S - 1))
    reconcile.look(sending(broadcast), now)
    assert waiting() == ["source"]


def test_an_ended_broadcast_gets_no_encoder(broadcast: Broadcast, now: dt.datetime) -> None:
    lapse(broadcast, 60)
    broadcasts.end(broadcast.pk, "stopped", now)
    reconcile.look({}, now)
    assert waiting() == []


def test_a_rendition_that_keeps_failing_is_left_out(broadcast: Broadcast, now: dt.datetime) -> None:
    async def listed(redis: Redis) -> None:
        await segment_cache.open_broadcast(redis, announcements.opening(broadcast))
        await (await begun(redis, broadcast.id, "source")).report(variant("source"), 0)

    in_redis(listed)
    lapse(broadcast, 60, failures=leases.GIVE_UP_FAILURES)
    for _ in range(2):
        reconcile.look(sending(broadcast), now)
    assert waiting() == [] and EncodeLease.objects.get().withdrawn
    assert in_redis(segment_cache.master, broadcast.id).variants == []


def test_a_rendition_is_left_out_once_redis_hears_it(broadcast: Broadcast, now: dt.datetime, settings: Settings) -> None:
    lapse(broadcast, 60, failures=leases.GIVE_UP_FAILURES)
    there, settings.SEGMENTS_REDIS_URL = settings.SEGMENTS_REDIS_URL, NOWHERE
    reconcile.look(sending(broadcast), now)
    settings.SEGMENTS_REDIS_URL = there
    assert not EncodeLease.objects.get().withdrawn
    reconcile.look(sending(broadcast), now)
    assert EncodeLease.objects.get().withdrawn
