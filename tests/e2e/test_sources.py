"""Whatever a publisher may send: it plays in Chromium without a stall, or is refused soon and the dashboard says why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.publisher import AAC, GOP_2S, H264, TONE, picture
from tests.e2e.streamer import Streamer
from tests.e2e.watcher import Watcher

WATCHED_S = 8
SMALL = picture("426x240")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
KEY_2S = ("-force_key_frames", "expr:gte(t,n_forced*2)", "-g", "600")  # whatever the frame rate

Feed = dict[str, Any]


def source(name: str, inputs: tuple[str, ...] = (*SMALL, *TONE), quick: bool = False, **feed: Any) -> Any:
    return pytest.param({"inputs": inputs, **feed}, id=name, marks=[] if quick else [pytest.mark.long])


def at_rate(rate: str) -> Feed:
    return {"inputs": ("-f", "lavfi", "-i", f"testsrc2=size=426x240:rate={rate}", *TONE), "video": (*H264, *KEY_2S)}


def of_size(size: str, pixels: str = "yuv420p") -> Feed:
    """15 frames per second: the larger ones have more to encode."""
    return {"inputs": (*picture(size, 15), *TONE), "video": (*X264, "-pix_fmt", pixels, "-g", "30")}


def keys_every(seconds: float) -> Feed:
    frames = str(round(seconds * 30))
    return {"video": (*H264, "-g", frames, "-keyint_min", frames, "-sc_threshold", "0")}


PLAYED = [
    source("24 fps", **at_rate("24")),
    source("25 fps", **at_rate("25")),
    source("29.97 fps", **at_rate("30000/1001")),
    source("30 fps", **at_rate("30")),
    source("50 fps", **at_rate("50")),
    source("60 fps", quick=True, **at_rate("60")),
    source("no B-frames", video=(*X264, "-bf", "0", *GOP_2S)),
    source("many B-frames", video=(*X264, "-preset", "veryfast", "-bf", "8", "-b_strategy", "0", *GOP_2S)),
    source("a keyframe every 2 s", **keys_every(2)),
    source("a keyframe every 4 s", **keys_every(4)),
    source("a keyframe every 8.3 s", quick=True, **keys_every(8.3)),
    source("portrait", **of_size("720x1280")),
    source("850x478", **of_size("850x478")),
    source("641x361", **of_size("641x361", pixels="yuv444p")),
    source("sound in 5.1", quick=True, audio=(*AAC, "-ac", "6")),
    source("mono sound", audio=(*AAC, "-ac", "1")),
    source("sound at 44.1 kHz", audio=(*AAC, "-ar", "44100")),
    source("no sound", inputs=SMALL, audio=()),
]


@pytest.mark.parametrize("feed", PLAYED)
def test_it_plays_without_a_stall(watcher: Watcher, alice: Streamer, feed: Feed) -> None:
    watcher.open(alice)
    with alice.on_air(**feed):
        watcher.watch(WATCHED_S)
        assert watcher.seen["stalls"] == 0, watcher.seen
    assert not watcher.errors
