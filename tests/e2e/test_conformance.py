"""The rules of low-latency HLS (RFC 8216bis, and Apple's authoring specification), one test each, asked of a running site."""

from __future__ import annotations

import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from typing import Any, NamedTuple

import av
import httpx
import pytest

from tests.deltas import merged
from tests.e2e.playlists import Listed, Media, Stream
from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Cast
from tests.e2e.waiting import until

RENDITIONS = ("source", "360p", "audio")
PICTURES = ("source", "360p")
FPS = {"low": 30, "ultra": 25, "steady": 24}
PART_TARGET_S = {"low": 0.35, "ultra": 0.22, "steady": 1.0}
GOP_S = 2
TARGET_S = 3
STAMP_S = 0.002  # RTMP's stamps are whole milliseconds, and so are dates
AT_ONCE_S = 0.25
TRIES = 5  # for what must be quick, on a machine that may be busy at the moment


@pytest.fixture(scope="module")
def streams(cast: Cast) -> Iterator[dict[str, Stream]]:
    """One of each latency, at the frame rates that fit it worst."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=20))
        streamers = {latency: cast.join("alice", latency=latency) for latency in FPS}
        for latency, alice in streamers.items():
            fps = FPS[latency]
            video = (*H264, "-g", str(GOP_S * fps), "-sc_threshold", "0")
            stack.enter_context(alice.on_air(inputs=(*picture("320x180", fps), *TONE), video=video, seconds=300))
        yield {latency: Stream(alice, client) for latency, alice in streamers.items()}


@pytest.fixture(params=["low", "ultra", pytest.param("steady", marks=pytest.mark.long)])
def stream(streams: dict[str, Stream], request: pytest.FixtureRequest) -> Stream:
    return streams[request.param]


@pytest.fixture
def low(streams: dict[str, Stream]) -> Stream:
    return streams["low"]


@pytest.fixture(params=RENDITIONS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def latency_of(stream: Stream) -> str:
    return next(latency for latency, part_s in PART_TARGET_S.items() if f"PART-TARGET={part_s:g}" in stream.media().text)


def followed(stream: Stream, name: str, reloads: int) -> list[Media]:
    """A playlist and what it becomes, part by part."""
    found = [stream.media(name)]
    for _ in range(reloads):
        found.append(stream.after(name, found[-1]))
    return found


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


def numbered(stream: Stream, name: str, count: int = 3) -> dict[int, Listed]:
    return {segment.msn: segment for segment in stream.with_segments(name, count).complete}


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


# --- what is in it --------------------------------------------------------------------------------------------------------


class Packet(NamedTuple):
    pts: Fraction  # seconds
    key: bool


def demuxed(stream: Stream, segment: Listed) -> list[Packet]:
    """As PyAV reads it."""
    data = stream.bytes(segment.init) + stream.bytes(segment.url or "")
    with av.open(io.BytesIO(data), mode="r", options={"ignore_editlist": "1"}) as container:
        return [Packet(p.pts * p.time_base, p.is_keyframe) for p in container.demux() if p.pts is not None and p.time_base]


def test_decode_times_and_keyframes_agree_across_renditions(stream: Stream) -> None:
    found = {name: numbered(stream, name) for name in PICTURES}
    msn = max(found["source"].keys() & found["360p"].keys())
    source, transcode = (sorted(demuxed(stream, found[name][msn])) for name in PICTURES)
    assert len(source) == len(transcode) == pytest.approx(FPS[latency_of(stream)] * GOP_S, abs=1)
    assert all(abs(one.pts - other.pts) <= STAMP_S for one, other in zip(source, transcode, strict=True))
    assert [packet.key for packet in source] == [packet.key for packet in transcode]


def test_every_segment_begins_with_a_keyframe_and_so_does_every_part_that_is_called_independent(stream: Stream) -> None:
    for name in PICTURES:
        segment = stream.with_segments(name).complete[-1]
        assert segment.parts[0].independent
        packets = demuxed(stream, segment)
        assert packets[0].key and packets[0].pts == min(packet.pts for packet in packets)
        keys = [bool(flags & 0x10000 == 0) for flags in first_flags(stream, segment)]
        assert keys == [part.independent for part in segment.parts]


def first_flags(stream: Stream, segment: Listed) -> list[int]:
    """The flags of the first sample of each part, straight from its `trun` (ISO/IEC 14496-12 8.8.8)."""
    found = []
    for part in segment.parts:
        data = stream.bytes(part.url)
        trun = data.index(b"trun")
        found.append(int.from_bytes(data[trun + 24 : trun + 28], "big"))
    return found


def test_the_tfdt_of_a_part_is_where_the_part_before_it_ends(stream: Stream, name: str) -> None:
    segment = stream.with_segments(name).complete[-1]
    scale = timescale(stream.bytes(segment.init))
    starts = [tfdt(stream.bytes(part.url)) / scale for part in segment.parts]
    for start, after, part in zip(starts, starts[1:], segment.parts, strict=False):
        assert after - start == pytest.approx(part.duration, abs=STAMP_S)


def tfdt(part: bytes) -> int:
    at = part.index(b"tfdt")
    return int.from_bytes(part[at + 8 : at + 16], "big")


def timescale(init: bytes) -> int:
    at = init.index(b"mdhd")
    return int.from_bytes(init[at + 16 : at + 20], "big")


@pytest.mark.parametrize(("name", "codec"), [("source", "h264"), ("360p", "h264"), ("audio", "aac")])
def test_ffprobe_reads_a_segment_as_the_playlist_describes_it(stream: Stream, name: str, codec: str) -> None:
    segment = stream.with_segments(name).complete[-1]
    [track] = probed(stream.bytes(segment.init) + stream.bytes(segment.url or ""))
    assert track["codec_name"] == codec
    if codec == "h264":
        assert (track["width"], track["height"]) == (320, 180)
        assert int(track["nb_read_frames"]) == pytest.approx(FPS[latency_of(stream)] * GOP_S, abs=1)
    else:
        assert int(track["nb_read_frames"]) * 1024 / 48000 == pytest.approx(segment.duration, abs=0.03)


def probed(data: bytes) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "-"]
    result = subprocess.run(command, input=data, capture_output=True, check=True)
    assert not result.stderr, result.stderr
    return json.loads(result.stdout)["streams"]


# --- blocking reload ------------------------------------------------------------------------------------------------------


def test_a_request_with_msn_and_part_is_answered_when_the_playlist_holds_that_part(stream: Stream, name: str) -> None:
    media = stream.media(name)
    for _ in range(4):
        wanted = media.next_part
        media = stream.after(name, media)
        assert wanted in media


def test_a_request_with_msn_alone_is_answered_when_the_whole_segment_is_there(low: Stream, name: str) -> None:
    msn = low.media(name).segments[-1].msn
    assert any(segment.msn == msn and segment.url for segment in low.media(name, msn=msn).segments)


def test_a_part_index_beyond_a_segments_last_is_that_of_the_next_segments_first(low: Stream, name: str) -> None:
    open_msn = low.media(name).segments[-1].msn
    found = low.media(name, msn=open_msn, part=8)  # a segment of two seconds has no ninth part
    assert (open_msn + 1, 0) in found


def test_an_old_number_gets_a_playlist_that_holds_it_at_once(stream: Stream, name: str) -> None:
    """Perhaps the one that those got who once waited for it."""
    old = stream.with_segments(name, 4).complete[-3].msn
    answer = quickly(stream, name, [f"_HLS_msn={old}&_HLS_part={n}" for n in range(TRIES)])
    assert answer.status_code == 200
    assert (old, TRIES - 1) in Media(stream.renditions[name], answer.text, answer.headers)


def test_a_part_without_an_msn_is_400(stream: Stream, name: str) -> None:
    assert quickly(stream, name, [f"_HLS_part={n}" for n in range(TRIES)]).status_code == 400


def test_an_msn_more_than_two_after_the_last_is_400(stream: Stream, name: str) -> None:
    last = stream.media(name).segments[-1].msn
    assert quickly(stream, name, [f"_HLS_msn={last + 9 + n}" for n in range(TRIES)]).status_code == 400


def test_a_part_more_than_the_advance_part_limit_after_the_last_is_400(stream: Stream, name: str) -> None:
    last = stream.media(name).segments[-1].msn
    assert quickly(stream, name, [f"_HLS_msn={last + 1}&_HLS_part={90 + n}" for n in range(TRIES)]).status_code == 400


@pytest.mark.parametrize("query", ["_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=1&_HLS_part=1.5", "_HLS_skip=NO", "_HLS_msn="])
def test_directives_that_make_no_sense_are_400(low: Stream, query: str) -> None:
    assert quickly(low, "360p", [f"{query}&unknown={n}" for n in range(TRIES)]).status_code == 400


def test_parameters_that_are_not_known_are_ignored(low: Stream) -> None:
    assert low.ask("360p", "session=1&_HLS_unknown=1").status_code == 200


def quickly(stream: Stream, name: str, queries: list[str]) -> httpx.Response:
    """The last answer; none of them was held."""
    took = []
    for query in queries:
        began = time.monotonic()
        answer = stream.ask(name, query)
        took.append(time.monotonic() - began)
    assert min(took) < AT_ONCE_S, took
    return answer


# --- preload hints --------------------------------------------------------------------------------------------------------


def test_the_hinted_part_is_held_until_it_is_listed_and_then_sent_whole(stream: Stream, name: str) -> None:
    media = stream.media(name)
    assert media.hint
    data = stream.bytes(media.hint)
    found = stream.media(name, msn=media.next_part[0], part=media.next_part[1])
    assert media.hint in [part.url for part in found.parts]
    assert data[4:8] == b"moof" and sum(sizes(data)) == len(data)


def sizes(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield size
        at += size


def test_the_hint_is_always_the_part_that_comes_next(stream: Stream, name: str) -> None:
    media = stream.media(name)
    for _ in range(4):
        after = stream.after(name, media)
        urls = [part.url for part in after.parts]
        assert media.hint in urls[-2:]  # two may have come at once
        media = after


def test_a_part_that_nobody_hinted_at_is_404_at_once(stream: Stream, name: str) -> None:
    hint = stream.media(name).hint or ""
    number = int(re.findall(r"-(\d+)\.mp4", hint)[0])
    began = time.monotonic()
    answers = [stream.client.get(hint.replace(f"-{number}.", f"-{number + 500 + n}.")).status_code for n in range(TRIES)]
    assert answers == [404] * TRIES
    assert (time.monotonic() - began) / TRIES < AT_ONCE_S


# --- delta updates --------------------------------------------------------------------------------------------------------


def delta(stream: Stream, name: str) -> str:
    """A delta update that leaves something out."""
    media = stream.with_segments(name, 4)
    return stream.media(name, msn=media.segments[-1].msn, part=0, skip="YES").text


def test_a_delta_update_merged_with_the_playlist_before_is_the_whole_playlist(stream: Stream, name: str) -> None:
    media = stream.with_segments(name, 4)
    text = media.text
    for _ in range(8):
        msn, part = media.next_part
        update = stream.media(name, msn=msn, part=part, skip="YES")
        media = stream.media(name, msn=msn, part=part)
        text = merged(text, update.text)
        if update.segments[-1].parts == media.segments[-1].parts:  # else there is one part more by now
            assert "#EXT-X-SKIP" in update.text
            assert without_reports(text) == without_reports(media.text)
        text = media.text


def without_reports(text: str) -> list[str]:
    """Which another moment may have worded otherwise."""
    return [line for line in text.splitlines() if not line.startswith("#EXT-X-RENDITION-REPORT")]


def test_a_delta_update_skips_only_what_lies_before_the_skip_boundary(stream: Stream, name: str) -> None:
    text = delta(stream, name)
    left = Media(stream.renditions[name], text, httpx.Headers())
    assert left.parsed.skip.skipped_segments > 0
    still_open = [part for segment in left.segments if not segment.url for part in segment.parts]
    listed_s = sum(segment.duration or 0 for segment in left.parsed.segments if segment.uri)
    assert listed_s + sum(part.duration for part in still_open) >= 6 * TARGET_S - STAMP_S


def test_a_client_that_wants_date_ranges_skipped_too_gets_a_delta_update(low: Stream) -> None:
    last = low.with_segments("360p", 4).segments[-1].msn
    assert "#EXT-X-SKIP" in low.media("360p", msn=last, part=0, skip="v2").text


# --- rendition reports ----------------------------------------------------------------------------------------------------


def test_each_playlist_reports_every_other_rendition_as_far_as_that_has_got(stream: Stream, name: str) -> None:
    media = stream.media(name)
    reports = {report.uri.split("/")[1]: report for report in media.parsed.rendition_reports}
    assert set(reports) == set(RENDITIONS) - {name}
    for other, report in reports.items():
        now = stream.media(other)
        assert (report.last_msn, report.last_part) in now
        assert report.last_msn >= media.segments[-1].msn - 1


# --- delivery -------------------------------------------------------------------------------------------------------------


def test_answers_to_directives_are_kept_for_six_target_durations_and_others_not_at_all(low: Stream, name: str) -> None:
    msn, part = low.media(name).next_part
    assert f"max-age={6 * TARGET_S}" in low.media(name, msn=msn, part=part).headers["Cache-Control"]
    assert "no-cache" in low.media(name).headers["Cache-Control"]


def test_playlists_come_compressed(low: Stream, name: str) -> None:
    assert low.media(name).headers["Content-Encoding"] == "gzip"


def test_the_multivariant_playlist_says_that_segments_are_independent_and_what_each_variant_is(low: Stream) -> None:
    assert low.master.is_independent_segments
    variants = {playlist.uri.split("/")[0]: playlist.stream_info for playlist in low.master.playlists}
    assert set(variants) == set(RENDITIONS)
    for name in PICTURES:
        assert variants[name].resolution == (320, 180)
        assert variants[name].codecs.startswith("avc1.") and variants[name].codecs.endswith(",mp4a.40.2")
    assert variants["audio"].codecs == "mp4a.40.2" and variants["audio"].resolution is None


def test_the_bandwidth_of_a_variant_is_at_least_that_of_its_largest_segment(low: Stream) -> None:
    rates = {name: largest_rate(low, name) for name in RENDITIONS}
    for playlist in low.master.playlists:
        name = playlist.uri.split("/")[0]
        assert playlist.stream_info.bandwidth >= rates[name] + (rates["audio"] if name != "audio" else 0)


def largest_rate(stream: Stream, name: str) -> float:
    segments = stream.with_segments(name, 3).complete[-3:]
    return max(len(stream.bytes(segment.url or "")) * 8 / segment.duration for segment in segments)


# --- the end --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def over(cast: Cast) -> Iterator[Stream]:
    """A stream that has been stopped."""
    alice = cast.join("alice")
    with httpx.Client(timeout=20) as client:
        with alice.on_air(inputs=(*picture("320x180"), *TONE)):
            stream = Stream(alice, client)
            stream.with_segments("audio", 1)
        alice.wait_until_over()
        for name in RENDITIONS:
            until(lambda name=name: stream.media(name).ended, 5)  # type: ignore[misc]
        yield stream


def test_a_stream_that_is_over_ends_its_playlists_lists_no_parts_and_hints_at_none(over: Stream, name: str) -> None:
    media = over.media(name)
    assert media.text.endswith("#EXT-X-ENDLIST\n")
    assert media.hint is None and not media.parts
    assert over.bytes(media.complete[-1].url or "")


def test_segments_that_were_never_made_are_gaps_and_are_not_there(over: Stream, name: str) -> None:
    gaps = [segment for segment in over.media(name).parsed.segments if segment.gap_tag]
    assert gaps
    assert over.client.get(gaps[0].absolute_uri).status_code == 404


@pytest.mark.parametrize("query", ["_HLS_msn=99999", "_HLS_msn=99999&_HLS_part=7", "_HLS_skip=YES"])
def test_directives_are_ignored_once_a_playlist_has_ended(over: Stream, name: str, query: str) -> None:
    answer = over.ask(name, query)
    assert answer.status_code == 200
    assert answer.text == over.media(name).text


def test_many_who_wait_for_the_end_are_told(cast: Cast) -> None:
    alice = cast.join("alice")
    with httpx.Client(timeout=20) as client, ThreadPoolExecutor(len(RENDITIONS)) as pool:
        with alice.on_air(inputs=(*picture("320x180"), *TONE)):
            stream = Stream(alice, client)
            last = {name: stream.media(name).segments[-1].msn + 2 for name in RENDITIONS}
            asked = [pool.submit(stream.media, name, msn=last[name]) for name in RENDITIONS]
        assert all(asking.result().ended for asking in asked)
