from hypothesis import given
from hypothesis import strategies as st

from streams.ladder import AUDIO, RUNGS, SOURCE, Profile, fits, kept_fps, ladder


def profile(width: int = 1280, height: int = 720, gop_s: float = 2.0) -> Profile:
    return Profile(width, height, fps=30.0, gop_s=gop_s, kbit_s=2500)


def test_an_unknown_source_gets_every_rung() -> None:
    assert ladder(None) == [SOURCE, AUDIO, "360p", "480p", "720p"]


def test_a_known_source_gets_the_rungs_up_to_its_size() -> None:
    assert ladder(profile(1920, 1080)) == [SOURCE, AUDIO, "360p", "480p", "720p"]
    assert ladder(profile(1280, 720)) == [SOURCE, AUDIO, "360p", "480p", "720p"]
    assert ladder(profile(1278, 718)) == [SOURCE, AUDIO, "360p", "480p"]


def test_an_upright_picture_counts_by_its_width() -> None:
    assert ladder(profile(480, 854)) == [SOURCE, AUDIO, "360p", "480p"]


def test_the_lowest_rung_always_runs() -> None:
    assert ladder(profile(160, 90)) == [SOURCE, AUDIO, "360p"]


def test_a_site_can_do_without_the_larger_transcodes() -> None:
    assert ladder(None, largest=480) == [SOURCE, AUDIO, "360p", "480p"]
    assert ladder(profile(1920, 1080), largest=480) == [SOURCE, AUDIO, "360p", "480p"]
    assert ladder(profile(480, 854), largest=720) == [SOURCE, AUDIO, "360p", "480p"]
    assert ladder(profile(), largest=1) == [SOURCE, AUDIO, "360p"]


def test_a_source_is_listed_when_its_keyframes_are_close_enough() -> None:
    listed = {gop_s: profile(gop_s=gop_s).lists_source for gop_s in (0.0, 0.04, 2.0, 4.0, 4.01, 8.3)}
    assert listed == {0.0: False, 0.04: True, 2.0: True, 4.0: True, 4.01: False, 8.3: False}


def test_a_transcode_shows_every_second_or_third_frame_of_a_fast_source() -> None:
    shown = {fps: kept_fps(fps) for fps in (24.0, 25.0, 30.0, 33.0, 48.0, 50.0, 60.0, 120.0)}
    assert shown == {24.0: 24, 25.0: 25, 30.0: 30, 33.0: 33, 48.0: 24, 50.0: 25, 60.0: 30, 120.0: 30}


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_source_and_sound_come_first_then_the_lowest_and_nothing_is_scaled_up(width: int, height: int) -> None:
    first, second, *rungs = ladder(profile(width, height))
    assert (first, second, rungs[0]) == (SOURCE, AUDIO, RUNGS[0].name)
    assert rungs == [rung.name for rung in RUNGS if fits(rung, min(width, height))]
    assert all(rung.size <= min(width, height) for rung in RUNGS if rung.name in rungs[1:])
