"""A publisher whose every frame says when it was made: 47 bits of Unix milliseconds and a parity bit, as black and white cells.

python -m benchmarks.source URL [--seconds 60] [--size 1280x720]
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import time

CELLS = 48
CELL_OF_WIDTH = 80  # a cell is an eightieth of the picture's width
FPS = 30
BLACK, WHITE = b"\x10", b"\xeb"


def command(url: str, width: int, height: int) -> list[str]:
    """Settings like OBS's: B-frames, a keyframe every two seconds."""
    raw = f"-f rawvideo -pix_fmt yuv420p -video_size {width}x{height} -framerate {FPS} -i pipe:0"
    sound = "-f lavfi -i sine=frequency=440:sample_rate=48000"
    video = f"-c:v libx264 -preset veryfast -bf 2 -g {2 * FPS} -b:v 3M -maxrate 3M -bufsize 3M -pix_fmt yuv420p"
    return [*f"ffmpeg -hide_banner -loglevel error {raw} {sound} {video} -c:a aac -b:a 128k -shortest -f flv".split(), url]


def strip(stamp_ms: int, width: int) -> bytes:
    """One row of the stamp, the most significant bit first, then parity."""
    bits = [(stamp_ms >> shift) & 1 for shift in range(CELLS - 2, -1, -1)]
    bits.append(sum(bits) % 2)
    cell = width // CELL_OF_WIDTH
    return b"".join((WHITE if bit else BLACK) * cell for bit in bits)


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
        row = strip(stamp_ms, self.width)
        for y in range(self.width // CELL_OF_WIDTH):
            luma[y * self.width : y * self.width + len(row)] = row
        return bytes(luma) + self._colour


def publish(url: str, seconds: float, size: tuple[int, int]) -> int:
    """Publish in real time; says when it starts, returns how many frames came more than a frame late."""
    picture, late = Picture(*size), 0
    print(int(time.time() * 1000), flush=True)
    with subprocess.Popen(command(url, *size), stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / FPS
            if due - began > seconds or ffmpeg.poll() is not None:
                break
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            late += wait < -1 / FPS
            ffmpeg.stdin.write(picture.frame(number, int(time.time() * 1000)))
        ffmpeg.stdin.close()
    return late


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1280x720")
    options = parser.parse_args()
    width, height = options.size.split("x")
    print(publish(options.url, options.seconds, (int(width), int(height))), "frames were late")


if __name__ == "__main__":
    main()
