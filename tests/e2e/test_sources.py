"""Whatever a publisher may send: it plays in Chromium without a stall, or is refused soon and the dashboard says why."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from tests.e2e.playlists import Stream
from tests.e2e.publisher import AAC, GOP_2S, H264, TONE, picture
from tests.e2e.raw_rtmp import AUDIO
from tests.e2e.relay import Tag, clip, joined
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.e2e.watcher import Watcher

WATCHED_S = 8
SMALL = picture("426x240")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
KEY_2S = ("-force_key_frames", "expr:gte(t,n_forced*2)", "-g", "600")  # whatever the frame rate

OnAir = Callable[[Streamer], AbstractContextManager[Any]]


def source(name: str, on_air: OnAir, quick: bool = False) -> Any:
    return pytest.param(on_air, id=name, marks=[] if quick else [pytest.mark.long])


def live(inputs: tuple[str, ...] = (*SMALL, *TONE), **feed: Any) -> OnAir:
    """As ffmpeg publishes it."""
    return lambda alice: alice.on_air(inputs=inputs, **feed)


def at_rate(rate: str) -> OnAir:
    return live(("-f", "lavfi", "-i", f"testsrc2=size=426x240:rate={rate}", *TONE), video=(*H264, *KEY_2S))


def of_size(size: str, pixels: str = "yuv420p") -> OnAir:
    """15 frames per second: the larger ones have more to encode."""
    return live((*picture(size, 15), *TONE), video=(*X264, "-pix_fmt", pixels, "-g", "30"))


def keys_every(seconds: float) -> OnAir:
    frames = str(round(seconds * 30))
    return live(video=(*H264, "-g", frames, "-keyint_min", frames, "-sc_threshold", "0"))


def keys_at(*seconds: float) -> OnAir:
    return live(video=(*H264, "-g", "600", "-sc_threshold", "0", "-force_key_frames", ",".join(map(str, seconds))))


def film(alice: Streamer) -> AbstractContextManager[Any]:
    """Short, with one keyframe, over and over."""
    file = alice.site.folder / "film.mp4"
    made = ("-t", "5.28", *X264, "-g", "1000", "-keyint_min", "1000", *AAC, "-ac", "6", str(file))
    subprocess.run(["ffmpeg", "-y", "-v", "error", *picture("426x240", 25), *TONE, *made], check=True)
    return alice.on_air(inputs=("-stream_loop", "-1", "-i", str(file)), video=("-c", "copy"), audio=())


# --- stamps that ffmpeg would not send ------------------------------------------------------------------------------------

HOUR_MS = 3_600_000
CHANGE_MS = 6000
CLIP_S = 30


def recorded(tags: Callable[[], list[Tag]]) -> OnAir:
    return lambda alice: alice.relaying(tags())


def clip_of(seconds: int = CLIP_S, size: str = "426x240") -> list[Tag]:
    return clip(seconds, inputs=(*picture(size), *TONE), video=(*H264, *KEY_2S))


def jumping(by_ms: int) -> OnAir:
    """In the middle of a group of pictures."""

    def stamp(ms: int) -> int:
        return ms + HOUR_MS + (by_ms if ms > CHANGE_MS else 0)

    return recorded(lambda: [tag.stamped(stamp(tag.stamp_ms)) for tag in clip_of()])


def wrapping(bits: int) -> OnAir:
    return recorded(lambda: [tag.stamped(tag.stamp_ms + (1 << bits) - CHANGE_MS) for tag in clip_of()])


def looped() -> list[Tag]:
    """Each round begins at 0 again."""
    tags = clip_of(6)
    return [tag.stamped(before.stamp_ms) for tag, before in zip(joined(*[tags] * 5), tags * 5, strict=True)]


def late_sound(by_ms: int, announced: bool) -> OnAir:
    """Announced by its header, or not at all."""

    def tags() -> list[Tag]:
        found = [tag for tag in clip_of() if tag.kind != AUDIO or tag.stamp_ms >= by_ms or tag.is_header]
        found = [tag if announced or not (tag.kind == AUDIO and tag.is_header) else tag.after(by_ms) for tag in found]
        return sorted(found, key=lambda tag: tag.due_ms)

    return recorded(tags)


PLAYED = [
    source("24 fps", at_rate("24")),
    source("25 fps", at_rate("25")),
    source("29.97 fps", at_rate("30000/1001")),
    source("30 fps", at_rate("30")),
    source("50 fps", at_rate("50")),
    source("60 fps", at_rate("60"), quick=True),
    source("a rate that varies", at_rate(r"60,select=gt(random(1)\,0.3)")),
    source("no B-frames", live(video=(*X264, "-bf", "0", *GOP_2S))),
    source("many B-frames", live(video=(*X264, "-preset", "veryfast", "-bf", "8", "-b_strategy", "0", *GOP_2S))),
    source("a keyframe every 0.5 s", keys_every(0.5)),
    source("a keyframe every 2 s", keys_every(2)),
    source("a keyframe every 4 s", keys_every(4)),
    source("a keyframe every 8.3 s", keys_every(8.3), quick=True),
    source("keyframes now and then", keys_at(0, 0.9, 3.9, 4.3, 7.2, 7.9, 9.9, 13.5, 14, 17, 20, 21, 24, 28), quick=True),
    source("portrait", of_size("720x1280")),
    source("850x478", of_size("850x478")),
    source("641x361", of_size("641x361", pixels="yuv444p")),
    source("sound in 5.1", live(audio=(*AAC, "-ac", "6"))),
    source("mono sound", live(audio=(*AAC, "-ac", "1"))),
    source("sound at 44.1 kHz", live(audio=(*AAC, "-ar", "44100"))),
    source("sound 2 s late", late_sound(2000, announced=False), quick=True),
    source("sound 2 s late, announced", late_sound(2000, announced=True)),
    source("sound 6 s late", late_sound(6000, announced=False)),
    source("a film in a loop", film),
    source("a burst", live((*SMALL[:-1], f"{SMALL[-1]},noise=alls=40:allf=t:enable='between(t,4,7)'", *TONE))),
    source("stamps that jump forward", jumping(HOUR_MS)),
    source("stamps that jump back", jumping(-HOUR_MS), quick=True),
    source("stamps that jump back a little", jumping(-5000)),
    source("stamps of more than 24 bits", wrapping(24)),
    source("stamps of more than 31 bits", wrapping(31)),
    source("stamps that wrap", wrapping(32)),
    source("a film in a loop whose stamps begin anew", recorded(looped), quick=True),
]


@pytest.mark.parametrize("on_air", PLAYED)
def test_it_plays_without_a_stall(watcher: Watcher, alice: Streamer, on_air: OnAir) -> None:
    watcher.open(alice)
    with on_air(alice):
        plays(watcher, alice)


KNOWN_S = 10  # by then what it sends has been measured, and is remembered with its key
SETS_THE_LADDER = {"25 fps", "60 fps", "a keyframe every 4 s", "a keyframe every 8.3 s", "keyframes now and then", "portrait"}


@pytest.mark.long
@pytest.mark.parametrize("on_air", [each for each in PLAYED if each.id in SETS_THE_LADDER])
def test_it_plays_without_a_stall_when_it_comes_again(watcher: Watcher, alice: Streamer, on_air: OnAir) -> None:
    watcher.open(alice)
    with on_air(alice):
        watcher.watch(KNOWN_S)
    watcher.sees_the_end()
    watcher.forget()
    with on_air(alice):
        plays(watcher, alice)


@pytest.mark.long
def test_a_picture_without_sound_plays_without_a_stall(watcher: Watcher, alice: Streamer) -> None:
    watcher.open(alice)
    with alice.on_air(inputs=SMALL, audio=()):
        plays(watcher, alice, least_sound=1)


AUDIBLE = 15_000  # bytes: more than that time of silence has


def plays(watcher: Watcher, alice: Streamer, least_sound: int = AUDIBLE) -> None:
    watcher.watch(WATCHED_S)
    seen = watcher.seen
    assert seen["stalls"] == 0 and seen["sound"] >= least_sound, seen
    with httpx.Client() as client:
        Stream(alice, client).conforming()
    assert not watcher.errors


RECOVERY_S = 8  # the next keyframe, and a player that has waited for it


@pytest.mark.long
def test_a_change_of_size_costs_no_more_than_the_wait_for_a_keyframe(watcher: Watcher, alice: Streamer) -> None:
    sizes = ("426x240", "640x360", "360x640")
    watcher.open(alice)
    with recorded(lambda: list(joined(*[clip_of(7, size) for size in sizes], clip_of())))(alice):
        for size in sizes:
            height = int(size.partition("x")[2])
            until(lambda height=height: watcher.seen["height"] == height, 15, lambda: watcher.seen)  # type: ignore[misc]
            watcher.watch(3)
        seen = watcher.seen
        assert seen["still"] < RECOVERY_S and seen["starts"] == 1, seen
        with httpx.Client() as client:
            Stream(alice, client).conforming()
    assert not watcher.errors


REFUSED_S = 10


@pytest.mark.long
def test_sound_alone_is_refused_soon_and_the_dashboard_says_why(alice: Streamer) -> None:
    with alice.publish(inputs=TONE, video=()):
        until(lambda: "The last broadcast ended: no video." in alice.dashboard(), REFUSED_S, alice.dashboard)
