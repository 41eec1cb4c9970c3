import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.hls.cutter import Cut, Cutter
from streams.hls.fmp4 import Frame

TIMESCALE = 1000
TARGET_MS = 350


def frame(pts: int, duration: int = 33, key: bool = False) -> Frame:
    return Frame(dts=pts, pts=pts, duration=duration, key=key, data=b"x")


def cut(durations: list[int], boundaries: set[int]) -> list[Cut]:
    """Frames one after the other; a segment begins at each index in `boundaries`."""
    cutter, cuts, pts, msn = Cutter(TIMESCALE, TARGET_MS), [], 0, 9
    for index, duration in enumerate(durations):
        msn += index in boundaries
        cuts += cutter.push(frame(pts, duration, index in boundaries), msn if index in boundaries else None)
        pts += duration
    return cuts + cutter.close()


def test_a_part_closes_before_the_frame_that_would_cross_the_target() -> None:
    cuts = cut([33] * 30, {0})
    assert [len(c.frames) for c in cuts] == [10, 10, 10]
    assert [c.start for c in cuts] == [0, 330, 660]


def test_a_part_closes_as_soon_as_the_next_frame_could_not_fit() -> None:
    cutter = Cutter(TIMESCALE, TARGET_MS)
    cutter.push(frame(0, key=True), 10)
    cuts = [cutter.push(frame(33 * n), None) for n in range(1, 10)]
    assert [len(c) for c in cuts] == [0] * 8 + [1]


def test_a_segment_begins_with_a_part_of_its_own() -> None:
    cuts = cut([33] * 15, {0, 7})
    assert [(c.msn, len(c.frames), c.independent) for c in cuts] == [(10, 7, True), (11, 8, True)]


def test_frames_before_the_first_segment_are_dropped() -> None:
    assert [c.start for c in cut([40] * 5, {3})] == [120]


def test_a_part_starts_at_its_earliest_frame_even_when_frames_are_reordered() -> None:
    cutter = Cutter(TIMESCALE, TARGET_MS)
    cutter.push(Frame(dts=0, pts=67, duration=33, key=True, data=b""), 10)
    cutter.push(Frame(dts=33, pts=33, duration=33, key=False, data=b""), None)
    assert cutter.close()[0].start == 33


@pytest.mark.parametrize("part_ms", [220, 350, 1000])
@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 50, 60, 48000 / 1024, 44100 / 1024])
def test_parts_of_every_usual_rate_are_85_percent_of_the_target_or_more_save_a_segments_last(fps: float, part_ms: int) -> None:
    stamps = [round(n * 1000 / fps) for n in range(round(fps * 10) + 1)]  # RTMP's, in whole milliseconds
    cutter, cuts = Cutter(TIMESCALE, part_ms), []
    for number, (pts, after) in enumerate(zip(stamps, stamps[1:], strict=False)):
        begins = number % round(fps * 2) == 0
        cuts += cutter.push(frame(pts, after - pts, begins), 10 + number // round(fps * 2) if begins else None)
    inner = [one for one, after in zip(cuts, cuts[1:], strict=False) if one.msn == after.msn]
    assert len(inner) >= 5
    assert all(0.85 * part_ms <= one.duration <= part_ms for one in inner)


@given(st.integers(5, 340), st.integers(1, 60))
def test_while_it_is_quiet_no_part_closes_and_with_the_frame_after_that_one_does(duration: int, count: int) -> None:
    cutter = Cutter(TIMESCALE, TARGET_MS)
    assert cutter.quiet == 0
    for number in range(count):
        cutter.push(frame(number * duration, duration, key=not number), 10 if not number else None)
    for number in range(cutter.quiet // duration):
        assert cutter.push(frame((count + number) * duration, duration), None) == []
    assert len(cutter.push(frame(0, duration), None)) == 1


durations = st.lists(st.integers(1, 340), min_size=1, max_size=80)


@given(durations, st.sets(st.integers(0, 79)))
def test_no_part_crosses_the_target_and_no_frame_is_lost(durations: list[int], boundaries: set[int]) -> None:
    boundaries = {0, *(b for b in boundaries if b < len(durations))}
    cuts = cut(durations, boundaries)
    assert all(c.duration <= TARGET_MS for c in cuts)
    assert all(c.duration == sum(f.duration for f in c.frames) for c in cuts)
    assert sum(len(c.frames) for c in cuts) == len(durations)
    assert sorted({c.msn for c in cuts}) == list(range(10, 10 + len(boundaries)))
    starts = {c.start for c in cuts}
    assert {sum(durations[:b]) for b in boundaries} <= starts
