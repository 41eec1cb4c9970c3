"""A publisher: ffmpeg with a test picture and a tone, as strange as a test wants it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "96k")
GOP_2S = ("-g", "60")
GOP_10S = ("-g", "300", "-keyint_min", "300", "-sc_threshold", "0")
SORENSON = ("-c:v", "flv")
STOP_S = 10


def picture(size: str = "640x360", fps: int = 30) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}")


class Publisher:
    def __init__(self, command: Sequence[str], folder: Path | None = None, stdout: int | None = None) -> None:
        self.began = time.time()
        self.words = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed by __exit__
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.words if stdout is None else stdout,
            stderr=self.words,
        )

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def end(self, within_s: float) -> float:
        """Wait until it ends by itself; how many seconds it ran."""
        self.process.wait(within_s)
        return time.time() - self.began

    def stop(self) -> None:
        """As OBS does it: it says goodbye to the server."""
        if self.runs:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self.process.wait()

    def said(self) -> str:
        self.words.seek(0)
        return self.words.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.words.close()


def command(
    url: str,
    *,
    before: Sequence[str] = (),
    inputs: Sequence[str] = (*picture(), *TONE),
    video: Sequence[str] = (*H264, *GOP_2S),
    audio: Sequence[str] = AAC,
    seconds: int = 60,
) -> list[str]:
    """To RTMP_URL/KEY, as in ffmpeg's own command line; BEFORE: a command that runs another."""
    head = (*before, "ffmpeg", "-hide_banner", "-loglevel", "error", "-re")
    return [*head, *inputs, "-t", str(seconds), *video, *audio, "-f", "flv", url]


def publish(url: str, **feed: Any) -> Publisher:
    return Publisher(command(url, **feed))
