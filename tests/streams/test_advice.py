from __future__ import annotations

from typing import Any

import pytest

from streams import advice
from streams.reasons import REASONS, said

GOOD = {"width": 1280, "height": 720, "fps": 30.0, "gop_s": 2.0, "kbit_s": 2500, "reorder_ms": 0}
SOUND = {"codec": "mp4a.40.2", "at_ms": 9_900, "ahead_ms": -100, "era": 0}


def second(n: int = 0, **figures: Any) -> dict[str, Any]:
    at_ms = 10_000 + 1000 * n
    sound = SOUND | {"at_ms": at_ms - 100}
    ends = {"source": at_ms, "360p": at_ms - 600}
    return {"at_ms": at_ms, "fps": 30.0, "ahead_ms": -90, "era": 0, "ends": ends, "audio": sound} | figures


def seconds(count: int = 10, **figures: Any) -> list[dict[str, Any]]:
    return [second(n, **figures) for n in range(count)]


def test_a_good_stream_needs_no_advice() -> None:
    assert advice.of({"source": GOOD, "audio": SOUND}, [second()]) == []


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"gop_s": 2.6}, "slow_gop:2.6"),
        ({"gop_s": 4.2}, "long_gop"),
        ({"reorder_ms": 67}, "b_frames:67"),
        ({"kbit_s": 1200}, "low_bitrate:2800"),
        ({"kbit_s": 9000}, "high_bitrate:2800"),
        ({"kbit_s": 2000, "fps": 60}, "low_bitrate:4200"),
        ({"width": 1080, "height": 1920, "kbit_s": 2000}, "low_bitrate:5000"),
        ({"width": 320, "height": 180, "kbit_s": 300}, "low_bitrate:800"),
        ({"fps": 45}, "odd_fps:45"),
        ({"fps": 12.5}, "odd_fps:12.5"),
    ],
)
def test_what_could_be_better_is_told_with_a_number(source: dict[str, Any], code: str) -> None:
    assert advice.of({"source": GOOD | source, "audio": SOUND}, []) == [code]


@pytest.mark.parametrize(
    "source", [{"fps": 29.97}, {"fps": 23.976}, {"fps": 59.94, "kbit_s": 6000}, {"reorder_ms": 33}, {"fps": 0}]
)
def test_what_is_usual_is_left_alone(source: dict[str, Any]) -> None:
    assert advice.of({"source": GOOD | source, "audio": SOUND}, []) == []


def test_sound_is_missed_where_there_is_none_and_where_it_has_stopped() -> None:
    assert advice.of({"source": GOOD}, []) == ["no_audio"]
    assert advice.of({"source": GOOD, "audio": SOUND | {"at_ms": 10_000}}, [second(3)]) == []
    assert advice.of({"source": GOOD, "audio": SOUND | {"at_ms": 10_000}}, [second(4)]) == ["no_audio"]


def test_without_a_picture_that_can_be_shown_nothing_else_matters() -> None:
    assert advice.of({}, []) == []
    assert advice.of({"source": {"unsupported": True}}, []) == ["codec"]


def heard(last: list[dict[str, Any]]) -> list[str]:
    return advice.of({"source": GOOD, "audio": SOUND | {"at_ms": last[-1]["at_ms"]}}, last)


def test_frames_that_do_not_come_are_counted() -> None:
    assert heard(seconds(fps=24.0)) == ["lost_frames:20"]
    assert heard(seconds(fps=29.0)) == []
    assert heard(seconds(3, fps=10.0)) == []  # too little is known


def test_a_line_that_is_slower_than_the_stream_is_unstable_and_loses_no_frames() -> None:
    assert heard([second(n, fps=24.0, ahead_ms=-90 - 200 * n, audio=None) for n in range(10)]) == ["unstable:1.6"]
    assert heard([second(n, ahead_ms=-90 - 20 * n, audio=None) for n in range(10)]) == []


def test_a_line_that_stops_now_and_then_is_unstable() -> None:
    late = {2: -1000, 7: -1500}
    assert heard([second(n, ahead_ms=late.get(n, -90), audio=None) for n in range(10)]) == ["unstable:0.9"]
    assert heard([second(n, ahead_ms=-1500 if n == 2 else -90, audio=None) for n in range(10)]) == []


def test_another_session_is_compared_with_itself() -> None:
    assert heard([*seconds(5), *(second(n, era=1, ahead_ms=-9000, audio=None) for n in range(5, 10))]) == []


def test_sound_that_comes_apart_from_the_picture_is_told() -> None:
    assert heard([second(n, ahead_ms=-600) for n in range(10)]) == ["drift:500"]
    assert heard([second(n, era=1, ahead_ms=-600) for n in range(10)]) == []  # they cannot be compared


def test_one_odd_second_is_no_drift() -> None:
    assert heard([*seconds(9), second(9, ahead_ms=-5000)]) == []


def test_an_encoder_that_falls_behind_is_told() -> None:
    last = [second(n, ends={"source": 50_000, "360p": 45_000}) for n in range(10)]
    assert heard(last) == ["slow_encoder:5.0"]


def test_every_piece_of_advice_has_words() -> None:
    for code in (
        "slow_gop:2.6",
        "b_frames:67",
        "low_bitrate:2800",
        "high_bitrate:2800",
        "odd_fps:45",
        "unstable:1.2",
        "lost_frames:20",
        "drift:9",
    ):
        words = said(code)
        assert words and code.partition(":")[2] in str(words.advice) and "%(" not in str(words.advice)
    assert said("of a later version") is None
    assert said("long_gop") == REASONS["long_gop"]
