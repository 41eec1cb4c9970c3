from hypothesis import given
from hypothesis import strategies as st

from streams.hls.pace import EARLY_MS, PAUSE_MS, RESIGN_MS, Pace

ms = st.integers(0, 2000)


@given(st.lists(st.tuples(ms, ms), min_size=1))
def test_a_pause_is_over_before_what_is_due_may_come(frames: list[tuple[int, int]]) -> None:
    pace = Pace()
    for quiet, delay in frames:
        pause = pace.pause_ms(quiet, delay)
        assert pause == 0 or EARLY_MS <= pause <= min(PAUSE_MS, quiet - EARLY_MS)


def test_a_pause_is_as_long_as_nothing_is_due() -> None:
    assert [Pace().pause_ms(quiet, delay_ms=400) for quiet in (0, 50, 100, 1000)] == [0, 0, 100 - EARLY_MS, PAUSE_MS]


def test_after_a_frame_that_is_late_the_pause_is_shorter_by_that() -> None:
    pace = Pace()
    pace.pause_ms(1000, delay_ms=40)
    assert pace.pause_ms(150, delay_ms=40 + 50) == 150 - EARLY_MS - 50 + RESIGN_MS
    assert pace.pause_ms(150, delay_ms=40 + 200) == 0


def test_a_stream_that_stays_late_is_no_longer_taken_for_late() -> None:
    pace = Pace()
    pace.pause_ms(1000, delay_ms=0)
    assert [pace.pause_ms(1000, delay_ms=2000) for _ in range(3000)][-1] == PAUSE_MS
