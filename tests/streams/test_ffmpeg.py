"""Command lines, and what the real ffmpeg makes of them (from a file in the place of RTMP)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import pytest

from streams import ffmpeg
from streams.child import CONFIGURATION
from streams.hls.fmp4 import Frame, Init, Reader, ms
from streams.hls.stamps import TURN_MS, within_turn
from streams.ladder import BY_NAME, Profile

URL = "rtmp://127.0.0.1/live/name"


def options(argv: list[str]) -> dict[str, str | None]:
    """Each option with its value, up to the first output; the last of its name counts."""
    found: dict[str, str | None] = {}
    for name, value in pairwise([*argv[: argv.index("pipe:1")], "-"]):
        if name.startswith("-"):
            found[name] = None if value.startswith("-") else value
    return found


def transcode(profile: Profile | None = None, rung: str = "360p", preset: str = "ultrafast", fresh: bool = True) -> list[str]:
    return ffmpeg.transcode("ffmpeg", URL, fresh, BY_NAME[rung], profile, preset)


def known(fps: float = 30.0, gop_s: float = 2.0) -> Profile:
    return Profile(640, 360, fps, gop_s, kbit_s=900)


# --- the lists ------------------------------------------------------------------------------------------------------------


def test_a_source_is_copied_as_the_publisher_stamped_it() -> None:
    argv = ffmpeg.source("/opt/ffmpeg", URL, fresh=True)
    assert argv[0] == "/opt/ffmpeg"
    found = options(argv)
    assert {name: found[name] for name in ("-i", "-map", "-c:v", "-f", "-movflags", "-use_editlist", "-avoid_negative_ts")} == {
        "-i": URL,
        "-map": "0:v:0",
        "-c:v": "copy",
        "-f": "mp4",
        "-movflags": "+empty_moov+default_base_moof+frag_every_frame+frag_discont+skip_trailer",
        "-use_editlist": "0",
        "-avoid_negative_ts": "disabled",
    }
    assert found["-rtmp_live"] == "live" and "-copyts" in found


@pytest.mark.parametrize("argv", [ffmpeg.source("f", URL, True), ffmpeg.audio("f", URL, True), transcode()])
def test_no_reader_throws_its_first_frames_away(argv: list[str]) -> None:
    assert "nobuffer" not in argv and options(argv)["-fpsprobesize"] == "0" and "-nostdin" in argv


def test_sound_is_copied_or_encoded_and_nothing_else_comes_along() -> None:
    copied, encoded = [options(ffmpeg.audio("ffmpeg", URL, encode)) for encode in (False, True)]
    assert (copied["-map"], copied["-c:a"]) == ("0:a:0", "copy")
    assert {name: encoded[name] for name in ("-c:a", "-b:a", "-ar", "-ac")} == {
        "-c:a": "aac",
        "-b:a": "128k",
        "-ar": "48000",
        "-ac": "2",
    }


def test_a_reader_that_joins_late_looks_longer() -> None:
    fresh, late = [options(ffmpeg.source("ffmpeg", URL, fresh))["-analyzeduration"] for fresh in (True, False)]
    assert fresh is not None and late is not None and int(late) > 8_300_000 > int(fresh)


def test_a_transcode_follows_the_sources_keyframes() -> None:
    expected = {
        "-force_key_frames": "source",
        "-forced-idr": "1",
        "-sc_threshold": "0",
        "-keyint_min": "1",
        "-fps_mode": "passthrough",
    }
    found = options(transcode(preset="veryfast"))
    assert found | expected == found
    assert (found["-preset"], found["-tune"], found["-b:v"], found["-g"]) == ("veryfast", "zerolatency", "800k", "60")


@pytest.mark.parametrize(
    ("fps", "frames"), [(24.0, 48), (25.0, 50), (29.97, 60), (30.0, 60), (48.0, 48), (50.0, 50), (60.0, 60), (120.0, 60)]
)
def test_a_group_of_pictures_is_two_seconds_of_the_frames_that_are_left(fps: float, frames: int) -> None:
    assert options(transcode(known(fps, gop_s=8.3)))["-g"] == str(frames)


# --- what ffmpeg makes of them --------------------------------------------------------------------------------------------


@cache
def published(fps: str, gop: int, size: str, seconds: int, more: str = "") -> bytes:
    picture = f"-f lavfi -i testsrc2=s={size}:r={fps}:d={seconds}"
    codec = f"-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g {gop} -keyint_min {gop} -sc_threshold 0 {more}"
    command = f"ffmpeg -v error {picture} {codec} -output_ts_offset 5 -f flv pipe:1"
    return subprocess.run(command.split(), capture_output=True, check=True).stdout


def run(argv: list[str], flv: bytes) -> tuple[Init, list[Frame]]:
    """With the publisher's bytes on standard input in the place of RTMP."""
    made, _ = run_and_listen(argv, flv)
    return made


def run_and_listen(argv: list[str], flv: bytes) -> tuple[tuple[Init, list[Frame]], str]:
    for option in ("-rtmp_live", "-tcp_nodelay"):
        at = argv.index(option)
        argv = argv[:at] + argv[at + 2 :]
    command = ["pipe:0" if argument == URL else argument for argument in argv if argument != "-nostdin"]
    done = subprocess.run(command, input=flv, capture_output=True, check=True)
    init, *frames = Reader().feed(done.stdout)
    assert isinstance(init, Init)
    return (init, [frame for frame in frames if isinstance(frame, Frame)]), done.stderr.decode()


def keys(made: tuple[Init, list[Frame]]) -> list[int]:
    init, frames = made
    return [round(ms(frame.pts, init.timescale)) for frame in frames if frame.key]


def assert_same(ours: list[int], theirs: list[int]) -> None:
    assert len(ours) == len(theirs) and all(abs(a - b) <= 2 for a, b in zip(ours, theirs, strict=True)), (ours, theirs)


def test_copy_and_transcodes_have_the_same_keyframes_with_reordered_pictures_too() -> None:
    flv = published("30", 60, "320x180", 5, "-bf 2")
    source = keys(run(ffmpeg.source("ffmpeg", URL, True), flv))
    assert len(source) == 3
    for rung in ("360p", "480p"):
        assert_same(keys(run(transcode(rung=rung), flv)), source)


def test_keyframes_far_apart_get_others_between_them() -> None:
    found = keys(run(transcode(known(30.0, gop_s=8.3)), published("30", 250, "320x180", 9)))
    assert_same([key - found[0] for key in found], [0, 2000, 4000, 6000, 8000, 8333])


@pytest.mark.parametrize("gop", [75, 120])
def test_no_keyframe_comes_between_those_of_a_source_that_is_listed(gop: int) -> None:
    """Else the segment clock would begin segments that the source cannot begin."""
    flv = published("30", gop, "320x180", 9)
    assert_same(keys(run(transcode(known(30.0, gop / 30)), flv)), keys(run(ffmpeg.source("ffmpeg", URL, True), flv)))


@pytest.mark.parametrize("measured", [29.4, 33.0])
def test_a_rate_that_was_measured_inexactly_makes_no_keyframes(measured: float) -> None:
    flv = published("30", 60, "320x180", 7)
    assert_same(keys(run(transcode(known(measured, 2.0)), flv)), keys(run(ffmpeg.source("ffmpeg", URL, True), flv)))


def test_sixty_frames_per_second_are_halved_and_no_keyframe_is_lost() -> None:
    flv = published("60", 121, "320x180", 5)
    init, frames = run(transcode(known(60.0, gop_s=2.017)), flv)
    assert_same(keys((init, frames)), keys(run(ffmpeg.source("ffmpeg", URL, True), flv)))
    assert len(frames) == pytest.approx(150, abs=3)


@pytest.mark.parametrize(
    ("size", "rung", "made"),
    [
        ("640x360", "360p", (640, 360)),
        ("1280x720", "360p", (640, 360)),
        ("360x640", "360p", (360, 640)),
        ("320x180", "480p", (320, 180)),
    ],
)
def test_the_shorter_side_is_scaled_down_and_never_up(size: str, rung: str, made: tuple[int, int]) -> None:
    init, _ = run(transcode(rung=rung), published("10", 10, size, 1))
    assert (init.width, init.height) == made


def test_a_picture_of_other_colours_becomes_one_that_browsers_show() -> None:
    init, _ = run(transcode(), published("10", 10, "320x180", 1, "-pix_fmt yuv444p"))
    assert init.codec.startswith("avc1.42") or init.codec.startswith("avc1.4D") or init.codec.startswith("avc1.64")


# --- stamps that do not go on ---------------------------------------------------------------------------------------------

HOUR_MS = 3_600_000
JUMP_MS = 5000 + 2500  # in the middle of a group of pictures


def restamped(flv: bytes, stamp: Callable[[int], int]) -> bytes:
    """With other stamps on its tags."""
    made, at = bytearray(flv), 13
    while at < len(made):
        size, low = (int.from_bytes(made[at + n : at + n + 3], "big") for n in (1, 4))
        if made[at] in (8, 9):
            stamp_ms = stamp(made[at + 7] << 24 | low) % (1 << 32)
            made[at + 4 : at + 7], made[at + 7] = (stamp_ms & 0xFFFFFF).to_bytes(3, "big"), stamp_ms >> 24
        at += 11 + size + 4
    return bytes(made)


@cache
def sounding() -> bytes:
    picture = "-f lavfi -i testsrc2=s=320x180:r=30:d=5 -c:v libx264 -preset ultrafast -bf 2 -g 60"
    command = f"ffmpeg -v error -f lavfi -i sine=r=44100:d=5 {picture} -c:a aac -output_ts_offset 5 -f flv pipe:1"
    return subprocess.run(command.split(), capture_output=True, check=True).stdout


READERS = {
    "source": ffmpeg.source("ffmpeg", URL, True),
    "360p": transcode(),
    "audio": ffmpeg.audio("ffmpeg", URL, encode=False),
    "encoded audio": ffmpeg.audio("ffmpeg", URL, encode=True),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS, -10_000])
def test_stamps_that_jump_are_all_there_and_only_go_on(name: str, by_ms: int) -> None:
    flv = restamped(sounding(), lambda ms: HOUR_MS + ms + (by_ms if ms >= JUMP_MS else 0))
    init, frames = run(READERS[name], flv)
    expected = run(READERS[name], sounding())[1]
    assert len(frames) == pytest.approx(len(expected), abs=2)
    assert all(a.dts < b.dts for a, b in pairwise(frames))
    stamps = [within_turn(round(ms(frame.pts, init.timescale))) for frame in frames]
    assert stamps[0] - HOUR_MS == pytest.approx(5000, abs=100)
    assert stamps[-1] - HOUR_MS - by_ms == pytest.approx(9950, abs=100)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("turn_ms", [TURN_MS, 1 << 31, 1 << 32])
def test_stamps_that_wrap_go_on(name: str, turn_ms: int) -> None:
    init, frames = run(READERS[name], restamped(sounding(), lambda stamp_ms: stamp_ms + turn_ms - JUMP_MS))
    durations = [ms(b.dts - a.dts, init.timescale) for a, b in pairwise(frames)]
    assert len(frames) > 100 and min(durations) > 0 and max(durations) < 100
    assert within_turn(round(ms(frames[-1].pts, init.timescale))) == pytest.approx(9950 - JUMP_MS, abs=100)


def test_a_source_tells_of_a_change_of_its_size_and_of_nothing_else() -> None:
    small, large = published("30", 60, "320x180", 2), published("30", 60, "640x360", 2)
    again, other = [small + restamped(clip, lambda ms: ms + 2000)[13:] for clip in (small, large)]
    for flv, count in ((small, 1), (again, 1), (other, 2)):
        _, words = run_and_listen(READERS["source"], flv)
        found = [match for line in words.splitlines() if (match := CONFIGURATION.match(line))]
        assert len({match[1] or match[2] for match in found}) == count, words


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1), (22_050, 2), (48_000, 6)])
def test_silence_is_like_the_sound_in_whose_place_it_is(rate: int, channels: int) -> None:
    done = subprocess.run(ffmpeg.silence("ffmpeg", rate, channels), capture_output=True, check=True)
    init, *frames = Reader().feed(done.stdout)
    assert isinstance(init, Init)
    assert (init.codec, init.timescale, init.channels, init.bit_rate) == ("mp4a.40.2", rate, channels, 128_000)
    assert isinstance(frames[-2], Frame) and frames[-2].duration == 1024 and len(frames[-2].data) < 60
