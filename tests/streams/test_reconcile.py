from __future__ import annotations

import datetime as dt

import pytest

from streams.models import Broadcast
from streams.reconcile import verdict
from streams.rtmp import Stream

BEGAN = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
OPEN = Broadcast.State.PUBLISHING


def judged(stream: Stream | None, age_s: float, state: str = OPEN, missing_s: float | None = None) -> str | None:
    now = BEGAN + dt.timedelta(seconds=age_s)
    missing_since = None if missing_s is None else now - dt.timedelta(seconds=missing_s)
    return verdict(Broadcast(state=state, started_at=BEGAN, missing_since=missing_since), stream, now)


@pytest.mark.parametrize("age_s", [7, 12, 19])
def test_an_h264_publisher_is_given_time_until_its_next_keyframe(age_s: float) -> None:
    """Encoders that came late to a stream whose keyframes are ten seconds apart have seen none so far."""
    assert judged(Stream("7", readers=4, video="H264", audio="AAC"), age_s) is None


@pytest.mark.parametrize(
    ("video", "audio", "age_s", "reason"),
    [
        ("H264", "AAC", 20, "encoder_failed"),
        ("Jpeg", "AAC", 8, "codec"),
        ("", "AAC", 8, "no_video"),
        ("", "", 20, "no_media"),
        ("", "", 19, None),
        ("", "AAC", 7, None),
        ("Jpeg", "", 7, None),
    ],
)
def test_a_broadcast_without_a_picture_ends_with_a_reason(video: str, audio: str, age_s: float, reason: str | None) -> None:
    assert judged(Stream("7", readers=4, video=video, audio=audio), age_s) == reason


def test_what_has_been_seen_is_not_judged_by_its_codec() -> None:
    assert judged(Stream("7", readers=4, video="Sorenson-H263"), 60, state=Broadcast.State.LIVE) is None


@pytest.mark.parametrize("stream", [None, Stream(None, readers=4)])
def test_a_publisher_that_is_gone_is_missed_for_a_while(stream: Stream | None) -> None:
    assert judged(stream, 60, state=Broadcast.State.LIVE) is None
    assert judged(stream, 60, state=Broadcast.State.LIVE, missing_s=4) is None
    assert judged(stream, 60, state=Broadcast.State.LIVE, missing_s=5) == "lost"
