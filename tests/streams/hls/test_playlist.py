import re

import m3u8
import pytest

from streams.hls import playlist
from streams.hls.playlist import BadQuery, Constants, Directives, Report, Variant, Want
from streams.hls.timeline import End, Part, Timeline
from tests.deltas import merged

CONSTANTS = Constants(target_s=3, part_s=0.35)


def parts(count: int, msn: int, start: int = 1, era: int = 0, init: int = 1, epoch: int = 1) -> list[Part]:
    return [
        Part(n, epoch, msn, era, init, at_ms=1_700_000_000_000 + n * 333, duration_ms=333.333, independent=n == start)
        for n in range(start, start + count)
    ]


def rendered(*records: Part | End) -> str:
    return playlist.media(Timeline(records), CONSTANTS)


def test_a_media_playlist_reads_as_what_was_written() -> None:
    parsed = m3u8.loads(rendered(*parts(6, 10), *parts(2, 11, start=7)))
    assert parsed.target_duration == 3
    assert parsed.part_inf.part_target == 0.35
    assert parsed.server_control.can_block_reload == "YES"
    assert parsed.server_control.part_hold_back == 1.05
    assert parsed.server_control.can_skip_until == 18
    assert parsed.media_sequence == 3  # seven gap segments stand before the first
    whole, gaps = parsed.segments[-2], parsed.segments[:-2]
    assert [s.gap_tag for s in gaps] == [True] * 7
    assert whole.uri == "s10.mp4" and whole.duration == pytest.approx(2.0, abs=0.001)
    assert [p.uri for p in whole.parts] == [f"p1-{n}.mp4" for n in range(1, 7)]
    assert [p.uri for p in parsed.segments[-1].parts] == ["p1-7.mp4", "p1-8.mp4"]
    assert parsed.preload_hint.uri == "p1-9.mp4"


def test_it_says_that_segments_are_independent_while_each_begins_with_a_keyframe() -> None:
    late = Part(7, 1, 11, 0, 1, at_ms=1_700_000_003_000, duration_ms=333.333, independent=False)
    assert "#EXT-X-INDEPENDENT-SEGMENTS\n" in rendered(*parts(6, 10))
    assert "#EXT-X-INDEPENDENT-SEGMENTS\n" not in rendered(*parts(6, 10), late)
    later = [record for msn in range(12, 40) for record in parts(1, msn, start=msn - 4)]
    assert "#EXT-X-INDEPENDENT-SEGMENTS\n" in rendered(*parts(6, 10), late, *later)


def test_the_last_gap_segments_have_missing_parts_so_that_players_load_parts_at_once() -> None:
    lines = rendered(*parts(1, 10)).splitlines()
    assert lines.count('#EXT-X-PART:DURATION=0.35,URI="gap.mp4",GAP=YES') == 5
    assert lines[-2].startswith('#EXT-X-PART:DURATION=0.33333,URI="p1-1.mp4",INDEPENDENT=YES')


def test_the_init_section_is_named_where_it_changes() -> None:
    text = rendered(*parts(6, 10), *parts(6, 11, start=7), *parts(1, 12, start=13, init=2, epoch=2))
    assert text.count("#EXT-X-MAP") == 2
    assert text.index('URI="i1.mp4"') < text.index("s10.mp4") < text.index('URI="i2.mp4"') < text.index("p2-13.mp4")
    assert "#EXT-X-DISCONTINUITY\n" not in text


def test_a_new_era_is_a_discontinuity_and_counts_in_the_sequence() -> None:
    text = rendered(*parts(6, 10), *parts(1, 11, start=7, era=1, init=2))
    assert text.index("s10.mp4") < text.index("#EXT-X-DISCONTINUITY\n") < text.index('URI="i2.mp4"')
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:0" in text
    later = [record for msn in range(11, 29) for record in parts(1, msn, start=msn, era=1)]
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:1" in rendered(*parts(1, 10), *later)


def test_an_era_of_which_nothing_is_listed_is_counted() -> None:
    assert rendered(*parts(6, 10), *parts(1, 11, start=7, era=3)).count("#EXT-X-DISCONTINUITY\n") == 3


def test_a_hole_is_a_gap() -> None:
    text = rendered(*parts(6, 10), *parts(1, 12, start=13, epoch=2))
    assert re.search(r"s10.mp4\n.*#EXT-X-GAP\n#EXTINF:[\d.]+,\ngap.mp4\n", text, re.S)


def test_parts_are_listed_for_three_target_durations() -> None:
    records = [record for i in range(12) for record in parts(6, 10 + i, start=1 + 6 * i)]
    listed = [s for s in m3u8.loads(rendered(*records)).segments if s.parts]
    assert 9 <= sum(part.duration for s in listed for part in s.parts) <= 12


def test_an_ended_stream_lists_whole_segments_only() -> None:
    text = rendered(*parts(6, 10), *parts(2, 11, start=7), End(9))
    assert text.endswith("s11.mp4\n#EXT-X-ENDLIST\n")
    assert "EXT-X-PART:" not in text and "PRELOAD-HINT" not in text


def test_the_master_names_each_variant_with_its_audio() -> None:
    video = Variant("720p", "avc1.64001f", 2_800_000, 1280, 720, 30.0)
    small = Variant("360p", "avc1.64001e", 800_000, 640, 360, 30.0)
    parsed = m3u8.loads(playlist.master([small, video, Variant("audio", "mp4a.40.2", 128_000, channels=2)]))
    assert [p.uri for p in parsed.playlists] == ["720p/playlist.m3u8", "360p/playlist.m3u8", "audio/playlist.m3u8"]
    assert parsed.playlists[2].stream_info.codecs == "mp4a.40.2"
    assert parsed.playlists[0].stream_info.codecs == "avc1.64001f,mp4a.40.2"
    assert parsed.playlists[0].stream_info.bandwidth == 2_928_000
    assert parsed.media[0].uri == "audio/playlist.m3u8"


def test_a_master_without_audio_names_none() -> None:
    text = playlist.master([Variant("360p", "avc1.64001e", 800_000, 640, 360, 30.0)])
    assert "AUDIO" not in text and 'CODECS="avc1.64001e"' in text


@pytest.mark.parametrize(
    "query",
    [
        {"_HLS_part": "1"},
        {"_HLS_msn": "-1"},
        {"_HLS_msn": "1e9"},
        {"_HLS_msn": "9223372036854775808"},
        {"_HLS_msn": ""},
        {"_HLS_msn": "10", "_HLS_part": "x"},
        {"_HLS_msn": "٣"},
    ],
)
def test_a_directive_that_no_player_sends_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        playlist.parse_query(query)


def test_directives_are_read() -> None:
    assert playlist.parse_query({}) == Directives()
    assert playlist.parse_query({"_HLS_msn": "12"}) == Directives(Want(12))
    assert playlist.parse_query({"_HLS_msn": "12", "_HLS_part": "3", "other": "x"}) == Directives(Want(12, 3))
    assert playlist.parse_query({"_HLS_msn": "12", "_HLS_skip": "YES"}) == Directives(Want(12), skip=True)
    assert playlist.parse_query({"_HLS_skip": "v2"}) == Directives(skip=True)


@pytest.mark.parametrize("want", [Want(13), Want(999_999_999, 0), Want(10, 11), Want(11, 9), Want(12, 9)])
def test_waiting_for_the_far_future_is_refused(want: Want) -> None:
    with pytest.raises(BadQuery):
        playlist.check_ahead(want, Timeline(parts(2, 10)), CONSTANTS)


@pytest.mark.parametrize("want", [Want(12), Want(12, 8), Want(11, 8), Want(10, 10), Want(9, 500)])
def test_waiting_for_the_near_future_is_not(want: Want) -> None:
    playlist.check_ahead(want, Timeline(parts(2, 10)), CONSTANTS)


@pytest.mark.parametrize(("part_s", "limit"), [(0.22, 14), (0.35, 9), (1.0, 3), (2.0, 3)])
def test_the_advance_part_limit_is_three_seconds_of_parts(part_s: float, limit: int) -> None:
    assert Constants(target_s=3, part_s=part_s).parts_ahead == limit


# --- delta updates, reports -----------------------------------------------------------------------------------------------


def long(segments: int) -> Timeline:
    """Two seconds each, and two parts of one that is open."""
    whole = [record for i in range(segments) for record in parts(6, 10 + i, start=1 + 6 * i)]
    return Timeline([*whole, *parts(2, 10 + segments, start=1 + 6 * segments)])


def test_a_delta_update_merged_with_the_playlist_before_is_the_whole_playlist() -> None:
    before, now = playlist.media(long(14), CONSTANTS), long(16)
    delta = playlist.media(now, CONSTANTS, skip=True)
    assert merged(before, delta) == playlist.media(now, CONSTANTS)
    assert len(delta) < len(playlist.media(now, CONSTANTS))


def test_a_delta_update_lists_all_that_lies_within_the_skip_boundary() -> None:
    delta = m3u8.loads(playlist.media(long(16), CONSTANTS, skip=True))
    assert 18 <= sum(segment.duration for segment in delta.segments if segment.uri) < 18 + 2
    assert delta.skip.skipped_segments == 18 - len([s for s in delta.segments if s.uri]) - 1


def test_where_nothing_lies_before_the_skip_boundary_the_playlist_is_whole() -> None:
    # the gaps before the first segment can be skipped, too
    assert "EXT-X-SKIP" not in playlist.media(long(2), CONSTANTS, skip=True)
    assert "SKIPPED-SEGMENTS=1\n" in playlist.media(long(3), CONSTANTS, skip=True)


def test_a_stream_that_is_over_is_not_skipped_through() -> None:
    timeline = long(16)
    timeline.apply(End(timeline.number + 1))
    assert "EXT-X-SKIP" not in playlist.media(timeline, CONSTANTS, skip=True)


def test_a_delta_update_names_no_init_section_that_was_named_in_what_it_skips() -> None:
    assert "#EXT-X-MAP" not in playlist.media(long(16), CONSTANTS, skip=True)


def test_other_renditions_are_reported() -> None:
    reports = [Report("480p", 11, 3), Report("audio", 12, 0)]
    found = m3u8.loads(playlist.media(long(3), CONSTANTS, reports)).rendition_reports
    assert [(r.uri, r.last_msn, r.last_part) for r in found] == [
        ("../480p/playlist.m3u8", 11, 3),
        ("../audio/playlist.m3u8", 12, 0),
    ]


def test_a_stream_that_is_over_has_nothing_to_report() -> None:
    assert "RENDITION-REPORT" not in playlist.media(Timeline([*parts(6, 10), End(7)]), CONSTANTS, [Report("480p", 11, 3)])
