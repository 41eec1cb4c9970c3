"""What a player may ask for (RFC 8216bis, and Apple's authoring specification): one rule each."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.deltas import merged
from tests.e2e.conformance.asked import (
    AT_ONCE_S,
    RENDITIONS,
    STAMP_S,
    TARGET_S,
    TRIES,
    delta,
    quickly,
)
from tests.e2e.playlists import Media, Stream

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
        now = stream.uncached(other)  # the edge's may be half a second old, which is longer than a short part
        assert (report.last_msn, report.last_part) in now
        assert report.last_msn >= media.segments[-1].msn - 1
