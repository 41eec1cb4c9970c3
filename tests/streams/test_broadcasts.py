"""The use cases of a broadcast, on the real stores; the RTMP server's control page is a fake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings
from redis.asyncio import Redis

from accounts.models import Category, Channel
from streams import admission, announcements, broadcasts, deferred, records, refusals, segment_cache
from streams.cache_writer import Fenced
from streams.documents import StreamKey, StreamMetadata, key_hash
from streams.hls.playlist import Variant
from streams.ingest import PublishEvent
from streams.models import Broadcast, Refusal
from streams.refusals import CUT_S, PublishRefused
from tests.broadcasts import broadcast_of
from tests.streams.rig import begun, own_channel, part, variant
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["rtmp_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_store", "rtmp_server")]

ADDR = "192.0.2.7"
FIGURES = {"codec": "avc1.64001F", "width": 640, "height": 360, "fps": 30.0, "gop_s": 2.0, "kbit_s": 900, "b_frames": True}
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def channel() -> Channel:
    return own_channel()


@pytest.fixture
def key(channel: Channel, now: dt.datetime) -> str:
    return StreamKey.issue(channel.pk, now)[1]


def event(key: str, session: str = "boot:1") -> PublishEvent:
    return PublishEvent("publish", session, "live", key, ADDR)


def stored(key: str) -> Any:
    return StreamKey.objects.get(hash=key_hash(key))


def refused(key: str, now: dt.datetime) -> str:
    with pytest.raises(PublishRefused) as refusal:
        admission.open(event(key, "boot:2"), now)
    return refusal.value.reason


def jobs(task: str = "encode") -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(task_name=task).order_by("id"))


def in_redis(call: Callable[..., Any], *args: Any) -> Any:
    async def run() -> Any:
        async with segment_cache.connect() as redis:
            return await call(redis, *args)

    return async_to_sync(run)()


def page(channel: Channel) -> dict[str, Any] | None:
    shown: dict[str, Any] | None = in_redis(segment_cache.shown, channel.name)
    return shown


def live(key: str, now: dt.datetime) -> Broadcast:
    broadcast = admission.open(event(key), now)
    assert broadcasts.go_live(broadcast.pk, now + dt.timedelta(seconds=2))
    broadcast.refresh_from_db()
    return broadcast


# --- open -----------------------------------------------------------------------------------------------------------------


def test_a_good_key_opens_a_broadcast_with_a_job_for_each_rendition(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key), now)
    assert (broadcast.channel, broadcast.state, broadcast.session) == (channel, "publishing", "boot:1")
    assert broadcast.ladder == ["source", "audio", "360p", "480p", "720p"]
    assert [job.args for job in jobs()] == [{"broadcast_id": broadcast.id, "rendition": name} for name in broadcast.ladder]
    assert {job.queue_name for job in jobs()} == {"encode"}
    assert [job.priority for job in jobs()] == [3, 2, 1, 0, 0]
    assert stored(key).last_used_at == now


def test_neither_the_id_nor_the_ingest_name_tells_the_key(key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key), now)
    secret = key.split("_")[-1]
    public = [broadcast.id, broadcast.ingest_name, str(page(broadcast.channel)), str([job.args for job in jobs()])]
    assert not any(secret in text or key in text for text in public)
    assert len(broadcast.ingest_name) >= 24


def test_an_opened_broadcast_is_known_to_the_cache_and_shown(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key), now)
    master = in_redis(segment_cache.master, broadcast.id)
    assert master.part_s == 0.35 and master.variants is None and not master.ended
    shown = page(channel)
    assert shown and (shown["state"], shown["id"]) == ("starting", broadcast.id)
    assert shown["playlist"] == f"/hls/{broadcast.id}/master.m3u8"


@pytest.mark.parametrize(("latency", "part_s"), [("ultra", 0.22), ("low", 0.35), ("steady", 1.0)])
def test_the_channel_says_how_long_parts_are(channel: Channel, key: str, now: dt.datetime, latency: str, part_s: float) -> None:
    Channel.objects.update(latency=latency)
    broadcast = admission.open(event(key), now)
    Channel.objects.update(latency="low")  # too late for this broadcast
    broadcast.refresh_from_db()
    opening, master = announcements.opening(broadcast), in_redis(segment_cache.master, broadcast.id)
    assert opening.part_ms == master.part_s * 1000 == part_s * 1000


def test_a_known_publisher_gets_a_ladder_of_its_size(key: str, now: dt.datetime) -> None:
    profile = {"width": 854, "height": 480, "fps": 30.0, "gop_s": 2.0, "kbit_s": 1500}
    stored(key).update(set__profile=profile)
    broadcast = admission.open(event(key), now)
    assert broadcast.ladder == ["source", "audio", "360p", "480p"] and broadcast.profile == profile


def test_no_transcode_is_larger_than_the_site_allows(key: str, now: dt.datetime, settings: Settings) -> None:
    settings.LARGEST_TRANSCODE = 360
    assert admission.open(event(key), now).ladder == ["source", "audio", "360p"]


def test_opening_takes_back_what_was_said_about_the_last_refusal(channel: Channel, key: str, now: dt.datetime) -> None:
    refusals.refuse(channel.pk, "no_encoder", ADDR, now)
    admission.open(event(key), now)
    assert not Refusal.objects.exists()


# --- refused --------------------------------------------------------------------------------------------------------------


def nothing_was_opened() -> bool:
    return not Broadcast.objects.exists() and not jobs()


def test_an_unknown_key_is_refused_and_nobody_is_told(channel: Channel, key: str, now: dt.datetime) -> None:
    assert refused("live_0_unknown", now) == "unknown_key"
    assert nothing_was_opened() and not Refusal.objects.exists() and page(channel) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"set__revoked_at": -1}, "revoked_key"),
        ({"set__expires_at": 0}, "expired_key"),
        ({"set__refused_until": 1}, "cut_key"),
        ({"set__refused_until": 1, "set__refused_for": "codec"}, "codec"),
    ],
)
def test_a_bad_key_is_refused_and_its_channel_told(
    channel: Channel, key: str, now: dt.datetime, changes: dict[str, Any], reason: str
) -> None:
    moments = {n: now + dt.timedelta(seconds=v) if isinstance(v, int) else v for n, v in changes.items()}
    stored(key).update(**moments)
    assert refused(key, now) == reason
    refusal = Refusal.objects.get()
    assert (refusal.channel, refusal.reason, refusal.addr, refusal.at) == (channel, reason, ADDR, now)
    assert nothing_was_opened() and stored(key).last_used_at is None


def test_a_key_that_expires_later_is_good(key: str, now: dt.datetime) -> None:
    stored(key).update(set__expires_at=now + dt.timedelta(seconds=1))
    assert admission.open(event(key), now)


def test_a_deactivated_streamer_is_refused(channel: Channel, key: str, now: dt.datetime) -> None:
    channel.owner.is_active = False
    channel.owner.save()
    assert refused(key, now) == "unknown_key" and nothing_was_opened()


def test_a_second_publisher_is_refused_and_the_first_stays(channel: Channel, key: str, now: dt.datetime) -> None:
    first = admission.open(event(key), now)
    other = StreamKey.issue(channel.pk, now)[1]
    before = (jobs(), page(channel))
    for again in (key, other):
        assert refused(again, now + dt.timedelta(seconds=1)) == "already_live"
    assert (jobs(), page(channel)) == before
    first.refresh_from_db()
    assert first.state == "publishing" and Broadcast.objects.count() == 1
    assert Refusal.objects.get().reason == "already_live"


def test_a_channel_may_begin_again_when_its_last_broadcast_has_ended(key: str, now: dt.datetime) -> None:
    first = admission.open(event(key), now)
    broadcasts.end(first.pk, "stopped", now)
    assert admission.open(event(key, "boot:2"), now).pk != first.pk


def test_what_cannot_be_opened_whole_is_not_opened_at_all(
    channel: Channel, key: str, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_at_last(broadcast_id: str, renditions: list[str]) -> None:
        real(broadcast_id, renditions)
        raise DatabaseError("the connection broke")

    real = deferred.encode_all
    monkeypatch.setattr(deferred, "encode_all", fails_at_last)
    assert refused(key, now) == "unavailable"
    assert nothing_was_opened() and page(channel) is None


def test_without_redis_nothing_is_opened(settings: Settings, key: str, now: dt.datetime) -> None:
    settings.SEGMENTS_REDIS_URL = NOWHERE
    assert refused(key, now) == "unavailable" and nothing_was_opened()


def test_without_mongodb_nothing_is_opened(key: str, now: dt.datetime, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("dead_key_store")
    assert refused(key, now) == "unavailable" and nothing_was_opened()


# --- live -----------------------------------------------------------------------------------------------------------------


def test_the_first_picture_makes_it_live_once(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key), now)
    later = now + dt.timedelta(seconds=2)
    assert broadcasts.go_live(broadcast.pk, later) and not broadcasts.go_live(broadcast.pk, later)
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.live_at) == ("live", later)
    shown = page(channel)
    assert shown and shown["state"] == "live"
    assert len(jobs("record")) == 1


def test_what_has_ended_does_not_become_live(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key), now)
    broadcasts.end(broadcast.pk, "stopped", now + dt.timedelta(seconds=1))
    assert not broadcasts.go_live(broadcast.pk, now + dt.timedelta(seconds=2))
    shown = page(channel)
    assert shown and shown["state"] == "ended"


# --- end ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "state", "drops"),
    [
        ("stopped", "ended", False),
        ("lost", "ended", False),
        ("admin", "ended", True),
        ("codec", "refused", True),
        ("no_video", "refused", True),
        ("no_media", "refused", True),
        ("encoder_failed", "failed", True),
        ("no_encoder", "failed", True),
    ],
)
def test_an_end_says_why_and_drops_a_publisher_that_is_still_there(
    channel: Channel, key: str, now: dt.datetime, rtmp_server: RtmpServer, reason: str, state: str, drops: bool
) -> None:
    broadcast = live(key, now)
    later = now + dt.timedelta(seconds=60)
    assert broadcasts.end(broadcast.pk, reason, later)
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.end_reason, broadcast.ended_at) == (state, reason, later)
    assert rtmp_server.dropped == ([broadcast.ingest_name] if drops else [])
    shown = page(channel)
    assert shown and shown["state"] == state
    assert in_redis(segment_cache.master, broadcast.id).ended


def test_only_the_first_end_counts(channel: Channel, key: str, now: dt.datetime, rtmp_server: RtmpServer) -> None:
    broadcast = live(key, now)
    broadcasts.end(broadcast.pk, "stopped", now + dt.timedelta(seconds=10))
    before = (page(channel), jobs("record"))
    assert not broadcasts.end(broadcast.pk, "admin", now + dt.timedelta(seconds=20))
    broadcast.refresh_from_db()
    assert broadcast.end_reason == "stopped" and rtmp_server.dropped == []
    assert (page(channel), jobs("record")) == before


def test_what_encoders_write_after_the_end_is_refused(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)

    async def write(redis: Redis) -> None:
        writer = await begun(redis, broadcast.id, "source")
        await writer.store(part(10), b"one", 0)
        await segment_cache.end_broadcast(redis, broadcast.id, broadcast.ladder)
        with pytest.raises(Fenced):
            await writer.store(part(10), b"two", 0)

    in_redis(write)


def test_an_end_that_redis_did_not_hear_of_is_told_by_the_job(
    channel: Channel, key: str, now: dt.datetime, settings: Settings
) -> None:
    broadcast = live(key, now)
    there = settings.SEGMENTS_REDIS_URL
    settings.SEGMENTS_REDIS_URL = NOWHERE
    assert broadcasts.end(broadcast.pk, "stopped", now + dt.timedelta(seconds=10))
    settings.SEGMENTS_REDIS_URL = there
    assert not in_redis(segment_cache.master, broadcast.id).ended
    records.write(broadcast.pk)
    assert in_redis(segment_cache.master, broadcast.id).ended
    shown = page(channel)
    assert shown and shown["state"] == "ended"


def test_a_late_word_about_the_last_broadcast_does_not_hide_the_next(channel: Channel, key: str, now: dt.datetime) -> None:
    first = live(key, now)
    broadcasts.end(first.pk, "stopped", now + dt.timedelta(seconds=10))
    second = admission.open(event(key, "boot:2"), now + dt.timedelta(seconds=11))
    records.write(first.pk)
    shown = page(channel)
    assert shown and (shown["id"], shown["state"]) == (second.id, "starting")


def test_a_broadcast_ends_although_its_publisher_cannot_be_dropped(key: str, now: dt.datetime, rtmp_server: RtmpServer) -> None:
    rtmp_server.working = False
    broadcast = live(key, now)
    assert broadcasts.end(broadcast.pk, "admin", now)
    assert in_redis(segment_cache.master, broadcast.id).ended


def test_a_publisher_that_left_ends_its_own_broadcast_only(key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key, "boot:1"), now)
    for other in ("boot:2", "other-boot:1", ""):
        assert not broadcasts.publisher_left(other, now)
    broadcast.refresh_from_db()
    assert broadcast.is_open
    assert broadcasts.publisher_left("boot:1", now) and not broadcasts.publisher_left("boot:1", now)
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.end_reason) == ("ended", "stopped")


def test_an_administrators_end_refuses_the_key_for_a_minute(key: str, now: dt.datetime, rtmp_server: RtmpServer) -> None:
    broadcast = live(key, now)
    broadcasts.cut(broadcast, now)
    assert rtmp_server.dropped == [broadcast.ingest_name]
    assert refused(key, now + dt.timedelta(seconds=CUT_S - 1)) == "cut_key"
    assert admission.open(event(key, "boot:3"), now + dt.timedelta(seconds=CUT_S))


def test_a_broadcast_that_its_streamer_ended_does_not_begin_anew_by_itself(
    channel: Channel, key: str, now: dt.datetime, rtmp_server: RtmpServer
) -> None:
    broadcast = live(key, now)
    assert broadcasts.stop(broadcast, now)
    assert rtmp_server.dropped == [broadcast.ingest_name]
    broadcast.refresh_from_db()
    assert refusals.held_until(broadcast, now) == now + dt.timedelta(seconds=CUT_S)
    assert refused(key, now + dt.timedelta(seconds=CUT_S - 1)) == "held_key"
    assert refusals.held_until(broadcast, now + dt.timedelta(seconds=CUT_S)) is None
    refusals.release(channel)
    assert refusals.held_until(broadcast, now) is None
    assert admission.open(event(key, "boot:3"), now)


def test_a_broadcast_is_called_what_its_channel_is(channel: Channel, key: str, now: dt.datetime) -> None:
    channel.title, channel.category = "Maps", Category.objects.create(name="Art", slug="art")
    channel.save()
    broadcast = admission.open(event(key), now)
    assert (broadcast.title, broadcast.category) == ("Maps", channel.category)


# --- documents ------------------------------------------------------------------------------------------------------------


def measured(broadcast: Broadcast, rendition: str, figures: dict[str, Any]) -> None:
    async def write(redis: Redis) -> None:
        writer = await begun(redis, broadcast.id, rendition)
        await writer.measured(figures)

    in_redis(write)


def test_what_was_measured_is_written_down_and_remembered_with_the_key(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    measured(broadcast, "source", FIGURES)
    measured(broadcast, "audio", {"codec": "mp4a.40.2", "channels": 2})
    records.write(broadcast.pk)
    written = StreamMetadata.objects.get(id=broadcast.id)
    assert (written.channel, written.started_at, written.ended_at, written.duration_s) == (channel.name, now, None, None)
    assert written.ingest["width"] == 640 and written.ingest["audio"]["channels"] == 2
    expected = {"width": 640, "height": 360, "fps": 30.0, "gop_s": 2.0, "kbit_s": 900}
    assert stored(key).profile == expected
    broadcasts.end(broadcast.pk, "stopped", now + dt.timedelta(seconds=90))
    records.write(broadcast.pk)
    written.reload()
    assert (written.duration_s, written.end_reason) == (90.0, "stopped")
    assert admission.open(event(key, "boot:2"), now + dt.timedelta(seconds=91)).profile == expected


def test_the_renditions_are_written_down_as_they_were_listed(key: str, now: dt.datetime) -> None:
    stored(key).update(set__profile={"width": 640, "height": 360, "fps": 30.0, "gop_s": 2.0, "kbit_s": 900})
    broadcast = live(key, now)

    async def report(redis: Redis) -> None:
        for name in broadcast.ladder:
            writer = await begun(redis, broadcast.id, name)
            await writer.report(None if name == "audio" else variant(name), 0)

    in_redis(report)
    records.write(broadcast.pk)
    written = StreamMetadata.objects.get(id=broadcast.id).renditions
    assert set(written) == {"source", "360p"}
    assert set(written["360p"]) == {field for field in Variant.__slots__ if field != "name"}


@pytest.mark.parametrize(
    ("figures", "codes"),
    [
        ({}, []),
        ({"source": FIGURES, "audio": {"codec": "mp4a.40.2"}}, []),
        ({"source": FIGURES}, ["no_audio"]),
        ({"source": FIGURES | {"gop_s": 8.3}, "audio": {}}, ["long_gop"]),
        ({"source": {"unsupported": True}, "audio": {}}, ["codec"]),
    ],
)
def test_the_streamer_is_told_what_could_be_better(
    key: str, now: dt.datetime, figures: dict[str, dict[str, Any]], codes: list[str]
) -> None:
    broadcast = live(key, now)
    for rendition, found in figures.items():
        measured(broadcast, rendition, found)
    records.write(broadcast.pk)
    broadcast.refresh_from_db()
    assert broadcast.advice == codes


def test_a_stream_that_cannot_be_shown_is_refused_for_a_while_with_the_same_words(key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key), now)
    broadcasts.end(broadcast.pk, "codec", now)
    records.write(broadcast.pk)
    assert refused(key, now + dt.timedelta(seconds=refusals.REFUSED_S - 1)) == "codec"
    assert admission.open(event(key, "boot:3"), now + dt.timedelta(seconds=refusals.REFUSED_S))


def test_one_waiting_job_for_a_rendition_is_enough(channel: Channel) -> None:
    broadcast = broadcast_of(channel, "live")
    for _ in range(3):
        deferred.encode(broadcast.id, "source")
    deferred.encode(broadcast.id, "audio")
    assert [job.args["rendition"] for job in jobs()] == ["source", "audio"]
    deferred.encode_all(broadcast.id, ["source", "360p", "audio"])
    assert [job.args["rendition"] for job in jobs()] == ["source", "audio", "360p"]
