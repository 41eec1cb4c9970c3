"""A publisher that costs next to nothing: it sends a film, over and over, that was encoded once as OBS would have."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from deploy.local.instance import CHECKOUT
from tests.e2e.publisher import Publisher
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.live import Site

FOLDER = CHECKOUT / "var/bench/clips"
LENGTH_S = 32  # whole groups of pictures and whole audio frames, so that its end fits its beginning
PICTURE = "testsrc2=size={size}:rate=30,noise=alls=20:allf=t"
TONE = "sine=frequency=440:sample_rate=48000"
CODECS = "-c:v libx264 -preset veryfast -bf 2 -g 60 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -b:a 128k"
LIVE_S = 20
MEASURED_S = 9
KBIT_S = {"1280x720": 3000, "640x360": 1000, "320x180": 300}


def clip(size: str) -> str:
    """The film's path; it is made at the first call."""
    path = FOLDER / f"{size}.mp4"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new.mp4")
        rate = f"-b:v {KBIT_S[size]}k -maxrate {KBIT_S[size]}k -bufsize {KBIT_S[size]}k"
        inputs = ["-f", "lavfi", "-i", PICTURE.format(size=size), "-f", "lavfi", "-i", TONE]
        output = ["-t", str(LENGTH_S), *CODECS.split(), *rate.split(), str(unfinished)]
        subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *inputs, *output], check=True)
        unfinished.rename(path)
    return str(path)


def publish(url: str, size: str) -> Publisher:
    """Until it is stopped."""
    film = ["-re", "-stream_loop", "-1", "-i", clip(size), "-c", "copy"]
    return Publisher(["ffmpeg", "-nostdin", "-loglevel", "error", *film, "-f", "flv", url])


@contextmanager
def on_air(streamer: Streamer, size: str) -> Iterator[Publisher]:
    """While this lasts, the film is live."""
    with publish(streamer.rtmp_url(), size) as publisher:
        until(lambda: streamer.is_live or not publisher.runs, LIVE_S, streamer.dashboard)
        assert publisher.runs, f"{streamer.dashboard()} {publisher.said()}"
        yield publisher
    streamer.wait_until_over()


@contextmanager
def running(site: Site, size: str, settled_s: float) -> Iterator[Streamer]:
    """Alice, who is known to the site and has been live for so long."""
    with Cast(site) as cast:
        alice = cast.join("alice")
        introduce(size, alice)
        with on_air(alice, size):
            time.sleep(settled_s)
            yield alice


def introduce(size: str, *streamers: Streamer) -> None:
    """From then on the site knows what these keys' publishers send, and starts them at once."""
    with ExitStack() as stack:
        for streamer in streamers:
            stack.enter_context(on_air(streamer, size))
        time.sleep(MEASURED_S)
