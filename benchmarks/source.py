"""A publisher whose every frame says when it was made: python -m benchmarks.source URL SECONDS [WIDTHxHEIGHT]

Its first line is when it started, its second how many frames it made and how many of them came more than a frame late.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stamp
from tests.e2e.streamer import Streamer

FPS = 30
SESSION = Path("/proc/self/autogroup")  # where Linux shares out time among sessions first, niceness counts only within one


def command(url: str, width: int, height: int) -> list[str]:
    """Settings like OBS's: B-frames, a keyframe every two seconds."""
    raw = f"-f rawvideo -pix_fmt yuv420p -video_size {width}x{height} -framerate {FPS} -i pipe:0"
    sound = "-f lavfi -i sine=frequency=440:sample_rate=48000"
    video = f"-c:v libx264 -preset veryfast -bf 2 -g {2 * FPS} -b:v 3M -maxrate 3M -bufsize 3M -pix_fmt yuv420p"
    return [*f"ffmpeg -hide_banner -loglevel error {raw} {sound} {video} -c:a aac -b:a 128k -shortest -f flv".split(), url]


class Picture:
    """A texture that moves, with the stamp in its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        rows = (bytes((x * 3 + y * 5) % 200 + 20 for x in range(width)) for y in range(height))
        self._texture = b"".join(rows) + os.urandom(width * 64)
        self._colour = b"\x80" * (width * height // 2)

    def frame(self, number: int, stamp_ms: int) -> bytes:
        start = (number % 64) * self.width
        luma = bytearray(self._texture[start : start + self.width * self.height])
        row = stamp.row(stamp_ms, self.width)
        for y in range(stamp.cell_size(self.width)):
            luma[y * self.width : y * self.width + len(row)] = row
        return bytes(luma) + self._colour


def publish(url: str, seconds: float, width: int, height: int) -> tuple[int, int]:
    """In real time; says when it starts, returns how many frames it made and how many came more than a frame late."""
    picture, late = Picture(width, height), 0
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    print(int(time.time() * 1000), flush=True)
    with subprocess.Popen(command(url, width, height), stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / FPS
            if due - began > seconds or ffmpeg.poll() is not None or stopping.is_set():
                break
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            late += wait < -1 / FPS
            ffmpeg.stdin.write(picture.frame(number, int(time.time() * 1000)))
        ffmpeg.stdin.close()
    return number, late


@dataclass(frozen=True)
class Source:
    """A process that publishes."""

    process: subprocess.Popen[str]
    began_ms: int

    def end(self) -> tuple[int, int]:
        """Wait for it: how many frames it made, and how many were late."""
        made, late = self.process.communicate()[0].split()
        return int(made), int(late)


@contextmanager
def publishing(streamer: Streamer, seconds: float, size: str) -> Iterator[Source]:
    """It stands for another machine: as far as that is allowed, it comes before everything else on this one."""
    command = ["nice", "-n", "-10", sys.executable, "-m", "benchmarks.source", streamer.rtmp_url(), str(seconds), size]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        try:
            yield Source(process, int(process.stdout.readline()))
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate()


def main(url: str, seconds: str, size: str = "1280x720") -> None:
    if os.geteuid() == 0 and SESSION.exists():
        SESSION.write_text("-10")
    width, height = map(int, size.split("x"))
    print(*publish(url, float(seconds), width, height))


if __name__ == "__main__":
    main(*sys.argv[1:])
