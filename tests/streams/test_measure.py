import pytest

from streams.hls.fmp4 import Frame
from streams.measure import LOOK_MS, Measure, Recent

FRAME_MS = 40


def measured(frames: list[Frame]) -> Measure:
    measure = Measure()
    for frame in frames:
        measure.add(frame, frame.duration)
    return measure


def frames(count: int, key_every: int, reordered: bool = False) -> list[Frame]:
    """25 frames per second of 1,000 bytes; reordered as I P B B, shown three frames later than decoded."""
    shift = {0: 0, 1: 80, 2: -40, 3: -40}
    return [
        Frame(n * 40, n * 40 + (120 + shift[n % 4] if reordered else 0), FRAME_MS, n % key_every == 0, bytes(1000))
        for n in range(count)
    ]


@pytest.mark.parametrize("reordered", [False, True])
def test_it_counts_frames_and_bits_whatever_their_order(reordered: bool) -> None:
    measure = measured(frames(114, key_every=48, reordered=reordered))
    assert (measure.fps, measure.gop_s, measure.reordered) == (25.0, 1.92, reordered)
    assert measure.kbit_s == 200


def test_stamps_that_leap_change_nothing() -> None:
    leap_ms = 3_600_000
    leaping = frames(50, key_every=48) + [
        frame._replace(dts=frame.dts + leap_ms, pts=frame.pts + leap_ms) for frame in frames(114, key_every=48)[50:]
    ]
    assert measured(leaping) == measured(frames(114, key_every=48))


def test_the_longest_group_of_pictures_may_still_be_open() -> None:
    assert measured(frames(114, key_every=1000)).longest_gop_s == 114 * FRAME_MS / 1000
    assert measured(frames(114, key_every=60)).longest_gop_s == 2.4


def test_nothing_says_nothing_yet() -> None:
    measure = Measure()
    assert (measure.fps, measure.kbit_s, measure.gop_s, measure.longest_gop_s) == (0.0, 0, 0.0, 0.0)


def test_b_frames_cost_as_long_as_they_wait_for_what_they_refer_to() -> None:
    assert measured(frames(114, key_every=48)).reorder_ms == 0
    assert measured(frames(114, key_every=48, reordered=True)).reorder_ms == 120


def test_the_last_second_is_counted_by_the_clock_on_the_wall() -> None:
    recent = Recent()
    for n in range(25):
        recent.add(1000, stamp_ms=n * 40, now_ms=5000 + n * 40)
        assert recent.look(5000 + n * 40) is None
    recent.add(1000, stamp_ms=1000, now_ms=5000 + LOOK_MS)
    looked = recent.look(5000 + LOOK_MS)
    assert looked == {"at_ms": 6000, "kbit_s": 208, "fps": 26.0, "ahead_ms": -5000}
    recent.add(1000, stamp_ms=5000, now_ms=10_000)  # nothing came for four seconds
    assert recent.look(10_000) == {"at_ms": 10_000, "kbit_s": 2, "fps": 0.2, "ahead_ms": -5000}


def test_the_frame_that_was_delayed_least_says_how_far_the_stamps_are() -> None:
    recent = Recent()
    for now_ms, stamp_ms in [(0, -300), (500, 450), (1000, 800)]:
        recent.add(1, stamp_ms, now_ms)
    looked = recent.look(1000)
    assert looked and looked["ahead_ms"] == -50
