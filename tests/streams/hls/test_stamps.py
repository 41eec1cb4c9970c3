from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.hls.fmp4 import Frame
from streams.hls.stamps import EARLY_MS, LEAP_MS, TURN_MS, Line, nearest, within_turn

RATE = 16_000  # ticks per second
FRAME_MS = 40


def frames(*stamps_ms: int) -> list[Frame]:
    """As a muxer writes them: each lasts until the next."""
    each = FRAME_MS * RATE // 1000
    ticks = [stamp * RATE // 1000 for stamp in stamps_ms]
    durations = [b - a for a, b in pairwise(ticks)] + [each]
    return [Frame(at, at + each, duration, False, b"") for at, duration in zip(ticks, durations, strict=True)]


def steady(start_ms: int, count: int) -> list[int]:
    return [start_ms + FRAME_MS * number for number in range(count)]


def placed(line: Line, found: list[Frame]) -> list[Frame]:
    return [at for frame in found if (line.look(frame), at := line.place(frame)) and at]


@given(st.integers(-EARLY_MS, 2**34), st.integers(0, 2**34))
def test_a_stamp_is_put_near_the_time_that_it_should_have(stamp_ms: int, due_ms: int) -> None:
    near_ms = nearest(within_turn(stamp_ms), due_ms)
    assert (near_ms - stamp_ms) % TURN_MS == 0 and abs(near_ms - due_ms) <= TURN_MS / 2


@pytest.mark.parametrize(
    ("stamp_ms", "within_ms"), [(-21, -21), (0, 0), (TURN_MS, 0), (3 * TURN_MS + 5, 5), (-5000, TURN_MS - 5000)]
)
def test_an_encoders_priming_stays_before_zero(stamp_ms: int, within_ms: int) -> None:
    assert within_turn(stamp_ms) == within_ms


def test_what_comes_before_its_place_is_known_is_dropped() -> None:
    line = Line(RATE)
    found = frames(*steady(1000, 6))
    assert placed(line, found[:3]) == []
    line.settle(era=2, shift_ms=0)
    assert placed(line, found[3:]) == found[3:] and (line.era, line.astray) == (2, False)


def test_frames_are_shifted_to_where_they_belong() -> None:
    line = Line(RATE)
    line.settle(era=0, shift_ms=TURN_MS)
    (frame,) = placed(line, frames(1000))
    assert (line.ms(frame.dts), line.ms(frame.pts)) == (TURN_MS + 1000, TURN_MS + 1000 + FRAME_MS)


@pytest.mark.parametrize("leap_ms", [LEAP_MS + FRAME_MS + 1, 3_600_000, TURN_MS - 3_600_000])
def test_stamps_that_leap_go_on_as_if_nothing_was_until_they_are_settled(leap_ms: int) -> None:
    line = Line(RATE)
    line.settle(era=0, shift_ms=0)
    found = placed(line, frames(*steady(0, 5), *steady(5 * FRAME_MS + leap_ms, 5)))
    assert [line.ms(frame.dts) for frame in found] == steady(0, 10)
    assert {line.ms(frame.duration) for frame in found} == {FRAME_MS}
    assert line.astray and line.left == 0
    line.settle(era=1, shift_ms=-leap_ms)
    assert line.left is None and line.era == 1


@pytest.mark.parametrize("pause_ms", [200, LEAP_MS])
def test_a_short_pause_is_no_leap_and_the_frame_before_lasts_as_long(pause_ms: int) -> None:
    line = Line(RATE)
    line.settle(era=0, shift_ms=0)
    found = placed(line, frames(0, FRAME_MS, FRAME_MS + pause_ms))
    assert not line.astray and [line.ms(frame.duration) for frame in found] == [FRAME_MS, pause_ms, FRAME_MS]


def test_an_encoders_priming_is_not_shown() -> None:
    line = Line(RATE)
    line.settle(era=0, shift_ms=0)
    assert [line.ms(frame.dts) for frame in placed(line, frames(-80, -40, 0, 40))] == [0, 40]
