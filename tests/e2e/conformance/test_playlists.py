"""What a playlist says (RFC 8216bis, and Apple's authoring specification): one rule each."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conformance.asked import (
    GOP_S,
    PART_TARGET_S,
    RENDITIONS,
    STAMP_S,
    TARGET_S,
    delta,
    followed,
    latency_of,
    numbered,
)
from tests.e2e.playlists import Stream

# --- constants ------------------------------------------------------------------------------------------------------------


def test_the_target_duration_the_part_target_and_server_control_are_the_same_in_all_renditions_and_never_change(
    stream: Stream,
) -> None:
    for tag in ("EXT-X-TARGETDURATION", "EXT-X-PART-INF", "EXT-X-SERVER-CONTROL", "EXT-X-VERSION"):
        seen = {media.tag(tag) for name in RENDITIONS for media in followed(stream, name, 1)}
        assert len(seen) == 1, seen


def test_each_latency_has_its_part_target_and_a_part_hold_back_of_three_of_them(streams: dict[str, Stream]) -> None:
    for latency, part_s in PART_TARGET_S.items():
        parsed = streams[latency].media().parsed
        assert parsed.part_inf.part_target == part_s
        assert parsed.server_control.part_hold_back == pytest.approx(3 * part_s)
        assert parsed.server_control.can_block_reload == "YES"


def test_can_skip_until_is_at_least_six_target_durations(stream: Stream, name: str) -> None:
    parsed = stream.media(name).parsed
    assert parsed.server_control.can_skip_until >= 6 * parsed.target_duration


def test_the_version_is_9_or_more_as_the_skip_tag_demands(stream: Stream, name: str) -> None:
    assert int(stream.media(name).parsed.version) >= 9


# --- segments and parts ---------------------------------------------------------------------------------------------------


def test_each_segment_can_be_decoded_without_another_and_the_playlist_says_so(stream: Stream, name: str) -> None:
    media = stream.media(name)
    assert media.parsed.is_independent_segments
    assert all(segment.parts[0].independent for segment in media.segments if segment.parts)


def test_no_segment_lasts_longer_than_the_target_duration_when_rounded(stream: Stream, name: str) -> None:
    media = stream.with_segments(name, 3)
    assert all(round(segment.duration) <= media.parsed.target_duration for segment in media.complete)


def test_no_part_lasts_longer_than_the_part_target(stream: Stream, name: str) -> None:
    media = stream.with_segments(name)
    assert all(part.duration <= media.parsed.part_inf.part_target for part in media.parts)


def test_a_part_lasts_at_least_85_percent_of_the_part_target_save_the_last_of_a_segment(stream: Stream, name: str) -> None:
    media = stream.with_segments(name, 4)
    inner = [part for segment in media.complete for part in segment.parts[:-1]]
    assert inner
    assert all(part.duration >= 0.85 * media.parsed.part_inf.part_target for part in inner), inner


def test_a_segment_lasts_as_long_as_its_parts(stream: Stream, name: str) -> None:
    for segment in stream.with_segments(name).complete:
        assert not segment.parts or segment.duration == pytest.approx(sum(p.duration for p in segment.parts), abs=0.0001)


def test_the_parts_of_a_segment_one_after_the_other_are_the_segment_byte_for_byte(stream: Stream, name: str) -> None:
    segment = stream.with_segments(name).complete[-1]
    assert segment.url and len(segment.parts) >= 2
    assert stream.bytes(segment.url) == b"".join(stream.bytes(part.url) for part in segment.parts)


def test_parts_are_listed_for_three_target_durations_from_the_end_of_the_playlist(stream: Stream, name: str) -> None:
    media = stream.with_segments(name, 6)
    listed_s = sum(part.duration for part in media.parts)
    assert 3 * media.parsed.target_duration <= listed_s <= 4 * media.parsed.target_duration + GOP_S


def test_a_part_can_be_fetched_for_three_target_durations_after_it_has_left_the_list(low: Stream) -> None:
    media = low.with_segments("360p", 5)
    oldest = media.parts[0]
    while oldest in media.parts:
        media = low.after("360p", media)
    left = media.segments[-1].date
    while (media.segments[-1].date - left).total_seconds() < 3 * TARGET_S:
        media = low.media("360p", msn=media.segments[-1].msn + 1)
    assert low.client.get(oldest.url, headers={"Cache-Control": "no-cache"}).status_code == 200


def test_a_new_part_is_there_within_one_part_target_of_the_last(stream: Stream, name: str) -> None:
    media, came = stream.media(name), []
    for _ in range(5):
        media = stream.after(name, media)
        came.append(time.monotonic())
    mean_s = (came[-1] - came[0]) / (len(came) - 1)
    assert mean_s <= media.parsed.part_inf.part_target * 1.15  # over a segment's short last part it is less


def test_media_sequence_numbers_are_those_of_the_segments_for_ever(stream: Stream, name: str) -> None:
    before, after = stream.with_segments(name), stream.with_segments(name, 4)
    known = {segment.url: segment.msn for segment in before.complete}
    common = [segment for segment in after.complete if segment.url in known]
    assert common and all(known[segment.url] == segment.msn for segment in common)
    assert after.parsed.media_sequence >= before.parsed.media_sequence


def test_parts_stand_before_their_segment_and_the_media_sequence_before_the_skip_tag(stream: Stream, name: str) -> None:
    text = stream.with_segments(name).text
    for segment in stream.with_segments(name).complete[-2:]:
        own = text.partition(segment.url.rpartition("/")[2] if segment.url else "")[0]
        assert own.rfind("#EXTINF") > own.rfind("#EXT-X-PART:")
    assert text.index("#EXT-X-MEDIA-SEQUENCE") < delta(stream, name).index("#EXT-X-SKIP")


# --- time -----------------------------------------------------------------------------------------------------------------


def test_program_dates_agree_across_renditions(stream: Stream) -> None:
    found = {name: numbered(stream, name) for name in RENDITIONS}
    common = set.intersection(*map(set, found.values()))
    assert len(common) >= 2
    for msn in common:
        source, transcode, audio = (found[name][msn].date for name in RENDITIONS)
        assert abs((transcode - source).total_seconds()) <= STAMP_S
        assert -0.05 <= (audio - source).total_seconds() <= PART_TARGET_S[latency_of(stream)]


def test_a_program_date_is_the_one_before_and_its_segments_duration(stream: Stream, name: str) -> None:
    complete = stream.with_segments(name, 4).complete
    for one, after in zip(complete, complete[1:], strict=False):
        assert (after.date - one.date).total_seconds() == pytest.approx(one.duration, abs=2 * STAMP_S)


def test_discontinuity_sequences_agree_across_renditions(stream: Stream) -> None:
    assert len({stream.media(name).tag("EXT-X-DISCONTINUITY-SEQUENCE") for name in RENDITIONS}) == 1
