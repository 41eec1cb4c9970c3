import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.cache_scripts import ERA_JUMP_MS
from streams.hls.fmp4 import Frame
from streams.measure import STUCK_FRAMES, STUCK_MS, Drift, Measure

NOW = 1_700_000_000_000


def jumps(*frames: tuple[int, int]) -> list[int]:
    """The numbers of the frames (stamp, arrival in ms) that are a jump."""
    drift = Drift()
    return [number for number, (stamp, arrival) in enumerate(frames) if drift.jumped(stamp, NOW + arrival)]


def steady(count: int, start: int = 0, arrival: int = 0, every: int = 40) -> list[tuple[int, int]]:
    return [(start + number * every, arrival + number * every) for number in range(count)]


# --- drift ----------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(10, 200), st.integers(0, 30_000)), min_size=1, max_size=200))
def test_media_that_is_late_by_any_time_and_catches_up_at_any_speed_is_no_jump(steps: list[tuple[int, int]]) -> None:
    """Frames arrive in order, none before it was made."""
    stamp = arrival = 0
    frames = []
    for step, delay in steps:
        stamp += step
        arrival = max(arrival, stamp + delay)
        frames.append((stamp, arrival))
    assert jumps(*frames) == []


@pytest.mark.parametrize("step", [ERA_JUMP_MS + 41, 3_600_000, -ERA_JUMP_MS - 1, -3_600_000])
def test_stamps_that_leap_are_a_jump_at_once(step: int) -> None:
    before = steady(50, start=10_000_000)
    assert jumps(*before, (before[-1][0] + step, before[-1][1] + 40)) == [50]


@pytest.mark.parametrize("step", [40, 500, ERA_JUMP_MS - 100, -80, -ERA_JUMP_MS])
def test_stamps_that_step_a_little_are_none(step: int) -> None:
    before = steady(50, start=10_000_000)
    assert jumps(*before, (before[-1][0] + step, before[-1][1] + 40)) == []


def test_a_gap_in_the_stamps_that_took_as_long_as_it_says_is_no_jump() -> None:
    assert jumps(*steady(50), *steady(50, start=60_000, arrival=60_000)) == []


def test_stamps_that_stand_still_for_long_are_a_jump() -> None:
    before = steady(50, start=100_000)
    still = [(before[-1][0] + 1, before[-1][1] + 40 * number) for number in range(1, 60)]
    found = jumps(*before, *still)
    assert found and (found[0] - 50) * 40 >= STUCK_MS - 80


def test_a_few_frames_that_come_late_do_not_stand_still() -> None:
    slides = [(number * 50, number * 5000) for number in range(STUCK_FRAMES - 1)]
    assert jumps(*slides) == []


# --- measure --------------------------------------------------------------------------------------------------------------


def measured(frames: list[Frame]) -> Measure:
    measure = Measure()
    for frame in frames:
        measure.add(frame, frame.dts)
    return measure


def frames(count: int, key_every: int, reordered: bool = False) -> list[Frame]:
    """25 frames per second of 1,000 bytes; reordered as I P B B, shown three frames later than decoded."""
    shift = {0: 0, 1: 80, 2: -40, 3: -40}
    return [
        Frame(n * 40, n * 40 + (120 + shift[n % 4] if reordered else 0), 40, n % key_every == 0, bytes(1000))
        for n in range(count)
    ]


@pytest.mark.parametrize("reordered", [False, True])
def test_it_counts_frames_and_bits_whatever_their_order(reordered: bool) -> None:
    measure = measured(frames(114, key_every=48, reordered=reordered))
    assert (measure.fps, measure.gop_ms, measure.reordered) == (25.0, 1920, reordered)
    assert measure.kbit_s == pytest.approx(200, rel=0.02)


def test_the_longest_group_of_pictures_may_still_be_open() -> None:
    assert measured(frames(114, key_every=1000)).longest_gop_ms == 113 * 40
    assert measured(frames(114, key_every=60)).longest_gop_ms == 2400


def test_one_frame_says_nothing_yet() -> None:
    measure = measured(frames(1, key_every=1))
    assert (measure.fps, measure.kbit_s, measure.longest_gop_ms) == (0.0, 0, 0)
