"""How old a publisher's pictures are when they have come out of the RTMP server and been decoded, without any of ours."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from urllib.request import urlopen
from xml.etree import ElementTree

from benchmarks import stamp
from tests.live import Site

READER = "-flags low_delay -threads 1 -probesize 1000000 -analyzeduration 5000000 -fpsprobesize 0 -rtmp_live live"


def ingest_name(site: Site) -> str:
    """The name that the only publisher's stream goes by within the site."""
    statistics = ElementTree.fromstring(urlopen(f"{site.control_url}/stat", timeout=5).read())
    [name] = [stream.findtext("name", "") for stream in statistics.iter("stream") if stream.find("publishing") is not None]
    return name


@contextmanager
def reading(site: Site, width: int) -> Iterator[list[tuple[float, float]]]:
    """While this lasts, each frame's (Unix ms, age in ms) is added to the list; the first ones waited in buffers."""
    cell = stamp.cell_size(width)
    strip = f"crop={stamp.CELLS * cell}:{cell}:0:0,format=gray"
    source = [*READER.split(), "-i", f"{site.env['RTMP_URL']}/{ingest_name(site)}", "-map", "0:v:0"]
    command = ["ffmpeg", "-nostdin", "-loglevel", "fatal", *source, "-vf", strip, "-fps_mode", "passthrough"]
    command += ["-flush_packets", "1", "-f", "rawvideo", "pipe:1"]
    ages: list[tuple[float, float]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as ffmpeg:
        assert ffmpeg.stdout
        reader = threading.Thread(target=_read, args=[ffmpeg.stdout, stamp.CELLS * cell, cell, ages])
        reader.start()
        try:
            yield ages
        finally:
            ffmpeg.terminate()
            reader.join()


def _read(pipe: IO[bytes], width: int, height: int, ages: list[tuple[float, float]]) -> None:
    while len(frame := _exactly(pipe, width * height)) == width * height:
        now = time.time() * 1000
        middle = height // 2 * width
        made = stamp.read(frame[middle : middle + width])
        if made is not None:
            ages.append((now, now - made))


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size and (chunk := pipe.read(size - len(data))):
        data += chunk
    return data
