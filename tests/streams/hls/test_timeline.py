from hypothesis import given
from hypothesis import strategies as st

from streams.hls.timeline import PRELUDE_SEGMENTS, WINDOW_SEGMENTS, End, Part, Timeline, decode


def part(number: int, msn: int, era: int = 0, epoch: int = 1, independent: bool = False) -> Part:
    return Part(number, epoch, msn, era, init=1, at_ms=1_000_000 + number * 333, duration_ms=333.3, independent=independent)


def stored(record: Part) -> str:
    return f'[{record.number},"part",{record.epoch},{record.encode()}]'


def broadcast(parts_per_segment: list[int], first_msn: int = 10) -> list[Part]:
    records: list[Part] = []
    for offset, count in enumerate(parts_per_segment):
        for index in range(count):
            records.append(part(len(records) + 1, first_msn + offset, independent=index == 0))
    return records


def shape(timeline: Timeline) -> list[tuple[int, int, bool]]:
    return [(segment.msn, len(segment.parts), segment.complete) for segment in timeline.segments]


def test_a_record_survives_its_text() -> None:
    record = part(7, 12, independent=True)
    assert decode(stored(record)) == record
    assert decode('[9,"end",0,[]]') == End(9)


def test_a_new_stream_begins_with_gap_segments_so_that_players_start_at_once() -> None:
    timeline = Timeline([part(1, 10)])
    assert [s.msn for s in timeline.segments] == list(range(10 - PRELUDE_SEGMENTS, 11))
    assert all(s.init is None and s.complete for s in list(timeline.segments)[:-1])
    assert timeline.segments[-2].at_ms == timeline.segments[-1].at_ms - 2000


def test_a_segment_is_complete_when_the_next_begins() -> None:
    timeline = Timeline(broadcast([2, 1]))
    assert shape(timeline)[-2:] == [(10, 2, True), (11, 1, False)]


def test_an_end_completes_the_last_segment_and_leaves_no_hint() -> None:
    timeline = Timeline([*broadcast([2]), End(3)])
    assert timeline.ended and timeline.segments[-1].complete and timeline.hint is None


def test_a_gap_stands_where_a_rendition_missed_a_number() -> None:
    timeline = Timeline([*broadcast([2]), part(3, 12, epoch=2)])
    assert [(s.msn, s.init) for s in timeline.segments][-3:] == [(10, 1), (11, None), (12, 1)]


def test_no_gap_is_longer_than_the_target_duration() -> None:
    late = Part(2, 2, 12, 0, init=2, at_ms=1_090_000, duration_ms=333.3, independent=True)
    assert round(Timeline([part(1, 10), late]).segments[-2].duration_ms / 1000) <= 3


def test_what_one_rendition_lacks_of_a_session_that_ended_is_short_however_long_nobody_published() -> None:
    """Other renditions list what they have of that segment, and nothing for the time until the next session."""
    back = Part(2, 2, 12, 1, init=2, at_ms=1_090_000, duration_ms=333.3, independent=True)
    [before, cut, after] = list(Timeline([part(1, 10), back]).segments)[-3:]
    assert (before.era, cut.era, after.era) == (0, 0, 1) and cut.init is None and cut.duration_ms <= 350


def test_the_hint_is_the_name_of_the_next_part() -> None:
    timeline = Timeline([part(1, 10)])
    assert timeline.hint == "1-2"
    timeline.apply(part(2, 10, epoch=4))
    assert timeline.hint == "4-3"


def test_it_holds_what_is_listed_and_nothing_that_is_still_to_come() -> None:
    timeline = Timeline(broadcast([3, 2]))
    assert timeline.holds(10, None) and timeline.holds(10, 9)  # past its end: part 0 of the next
    assert timeline.holds(11, 1) and not timeline.holds(11, 2)
    assert not timeline.holds(11, None) and not timeline.holds(12, 0)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=40), st.data())
def test_whoever_joins_late_lists_the_same_segments(counts: list[int], data: st.DataObject) -> None:
    records = broadcast(counts)
    early, full = Timeline(), Timeline(records)
    for record in records:
        early.apply(record)
    window = sum(counts[-WINDOW_SEGMENTS:])
    forgotten = data.draw(st.integers(0, max(0, len(records) - window)))
    late = Timeline(records[forgotten:])
    assert shape(early) == shape(full)
    assert shape(late) == shape(full)[-len(late.segments) :]
    if len(counts) >= WINDOW_SEGMENTS:
        assert shape(late) == shape(full)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=60))
def test_media_sequence_numbers_rise_by_one_and_the_window_is_bounded(counts: list[int]) -> None:
    timeline = Timeline(broadcast(counts))
    numbers = [segment.msn for segment in timeline.segments]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) <= WINDOW_SEGMENTS
    assert numbers[-1] == 10 + len(counts) - 1


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 7)), min_size=1, max_size=30))
def test_numbers_that_a_rendition_missed_are_listed_as_gaps_because_players_count(steps: list[tuple[int, int]]) -> None:
    msn = 10
    records: list[Part] = []
    for step, count in steps:
        msn += step
        records += [part(len(records) + 1 + index, msn) for index in range(count)]
    segments = list(Timeline(records).segments)
    assert [segment.msn for segment in segments] == list(range(segments[0].msn, msn + 1))
    stored = {record.msn for record in records}
    assert all((segment.init is None) == (segment.msn not in stored) for segment in segments)


def test_what_a_rendition_missed_is_as_long_as_its_silence() -> None:
    before = broadcast([6])
    after = Part(7, 2, msn=13, era=0, init=2, at_ms=before[0].at_ms + 6000, duration_ms=333.3, independent=True)
    timeline = Timeline([*before, after])
    gaps = [segment for segment in timeline.segments if segment.msn in (11, 12)]
    assert [(gap.complete, gap.parts, gap.era) for gap in gaps] == [(True, [], 0)] * 2
    assert [round(gap.duration_ms) for gap in gaps] == [2000, 2000]
    assert gaps[0].at_ms == round(before[0].at_ms + 6 * 333.3)
