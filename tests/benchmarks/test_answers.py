"""The viewers of the benchmark ask for what the product's own playlists offer."""

from __future__ import annotations

from benchmarks import answers
from streams.hls import playlist
from streams.hls.playlist import Constants
from streams.hls.timeline import End, Part, Record, Timeline

CONSTANTS = Constants(target_s=3, part_s=0.35)
PARTS_PER_SEGMENT = 6
FIRST = 20


def records(count: int) -> list[Record]:
    return [
        Part(
            number=number + 1,
            epoch=1,
            msn=FIRST + number // PARTS_PER_SEGMENT,
            era=0,
            init=1,
            at_ms=1_000_000 + number * 333,
            duration_ms=333,
            independent=number % PARTS_PER_SEGMENT == 0,
        )
        for number in range(count)
    ]


def listed(timeline: list[Record]) -> answers.Listed:
    return answers.read(playlist.media(Timeline(timeline), CONSTANTS))


def test_the_next_part_is_of_the_open_segment() -> None:
    found = listed(records(8))
    assert (found.msn, found.part) == (FIRST + 1, 2)
    assert found.query().startswith(f"?_HLS_msn={FIRST + 1}&_HLS_part=2")


def test_only_parts_that_are_new_are_fetched() -> None:
    found = listed(records(8))
    assert found.since(FIRST + 1, 1) == ["p1-8.mp4"]
    assert found.since(FIRST, 5) == ["p1-6.mp4", "p1-7.mp4", "p1-8.mp4"]
    assert found.since(found.msn, found.part) == []


def test_a_part_past_the_end_of_a_segment_is_the_first_of_the_next() -> None:
    full = listed(records(PARTS_PER_SEGMENT))
    assert listed(records(PARTS_PER_SEGMENT + 1)).since(full.msn, full.part) == ["p1-7.mp4"]


def test_what_a_delta_update_skips_still_counts() -> None:
    text = """#EXTM3U
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.05,CAN-SKIP-UNTIL=18
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-SKIP:SKIPPED-SEGMENTS=5
#EXTINF:2.00000,
s15.mp4
#EXT-X-PART:DURATION=0.33300,URI="p1-97.mp4",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p1-98.mp4"
"""
    found = answers.read(text)
    assert (found.msn, found.part, found.parts) == (16, 1, [(16, 0, "p1-97.mp4")])
    assert found.query() == "?_HLS_msn=16&_HLS_part=1&_HLS_skip=YES"


def test_the_end_is_seen() -> None:
    assert listed([*records(8), End(9)]).ended
    assert not listed(records(8)).ended
