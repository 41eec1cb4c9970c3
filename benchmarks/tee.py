"""Stands in for ffmpeg, and notes when it wrote each frame: python -m benchmarks.tee FOLDER FFMPEG ARGUMENT…

A line per frame in a file of its own below FOLDER: CLOCK_MONOTONIC, presentation time, track.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from streams.hls import fmp4

CHUNK = 1 << 18


def main(folder: str, *command: str) -> None:
    with (
        (Path(folder) / str(os.getpid())).open("w", buffering=1) as notes,
        subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdout=subprocess.PIPE) as ffmpeg,
    ):
        assert ffmpeg.stdout
        reader = fmp4.Reader()
        while chunk := os.read(ffmpeg.stdout.fileno(), CHUNK):
            now = time.monotonic()
            pass_on(chunk)
            for item in reader.feed(chunk):
                if isinstance(item, fmp4.Init):
                    track = name_of(item)
                else:
                    notes.write(f"{now} {item.pts} {track}\n")


def name_of(track: fmp4.Init) -> str:
    return f"{track.kind} {track.width}x{track.height} {track.timescale}"


def pass_on(chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
