"""A part at the edge: from ffmpeg's writing of its last frame to the blocked request's answer in a viewer's hands."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks import clip, generator, tee
from benchmarks.generator import Plan
from benchmarks.numbers import curve, spread
from deploy.local.instance import CHECKOUT
from streams.hls import fmp4
from tests.e2e.playlists import fetch
from tests.e2e.streamer import Streamer
from tests.live import Site

SIZE = "1280x720"
RENDITIONS = ("360p", "source", "audio")
SETTLE_S = 3
WINDOW_S, QUICK_WINDOW_S = 45, 10
NOTES = "frames"

Written = dict[tuple[str, int], float]  # a track's frame, and when ffmpeg wrote it (CLOCK_MONOTONIC)


def settings(folder: Path) -> dict[str, str]:
    """ffmpeg's place is taken by a program that notes when it writes."""
    shutil.rmtree(folder / NOTES, ignore_errors=True)
    (folder / NOTES).mkdir()
    stand_in = folder / "ffmpeg"
    command = shlex.join([sys.executable, "-m", "benchmarks.tee", str(folder / NOTES), "ffmpeg"])
    stand_in.write_text(f'#!/bin/sh\ncd {shlex.quote(str(CHECKOUT))} && exec {command} "$@"\n')
    stand_in.chmod(0o755)
    return {"LARGEST_TRANSCODE": "360", "FFMPEG": str(stand_in)}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    with clip.running(site, SIZE, SETTLE_S) as alice:
        delays = follow(alice, QUICK_WINDOW_S if quick else WINDOW_S)
    return {
        "publisher": f"{SIZE}, {clip.KBIT_S[SIZE]} kbit/s",
        "renditions": {name: spread(found, digits=1) | {"curve": curve(found)} for name, found in delays.items()},
    }


def follow(streamer: Streamer, seconds: float) -> dict[str, list[float]]:
    """Per rendition, in ms, from the last frame's writing to the list that has its part."""
    site = streamer.site
    folder = streamer.state()["playlist"].removesuffix("/master.m3u8")
    host = site.url.removeprefix("http://")
    playlists = [f"{folder}/{rendition}/playlist.m3u8" for rendition in RENDITIONS]
    begin = time.monotonic() + SETTLE_S
    tally = generator.watch(Plan(host, int(host.rpartition(":")[2]), playlists, 1, 10, begin, begin + seconds))
    written = read_notes(site.folder / NOTES, begin - SETTLE_S)
    delays: dict[str, list[float]] = {rendition: [] for rendition in RENDITIONS}
    with httpx.Client(base_url=site.url) as client:
        inits = {path.split("/")[3]: client.get(fetch(client, site.url + path).segments[-1].init).content for path in playlists}
        for path, [answered] in tally.lists.items():
            rendition = path.split("/")[3]
            frame = last_frame(inits[rendition], client.get(path).raise_for_status().content)
            delays[rendition].append((answered - written[frame]) * 1000)
    return delays


def last_frame(init: bytes, part: bytes) -> tuple[str, int]:
    """The track, and the presentation time of the frame that completed the part."""
    track, *frames = fmp4.Reader().feed(init + part)
    assert isinstance(track, fmp4.Init)
    assert isinstance(frames[-1], fmp4.Frame)
    return tee.name_of(track), frames[-1].pts


def read_notes(folder: Path, since: float) -> Written:
    """What an earlier publisher sent had the same times."""
    written = {}
    for file in folder.iterdir():
        for line in file.read_text().splitlines():
            at, pts, track = line.split(" ", 2)
            if float(at) >= since:
                written[track, int(pts)] = float(at)
    return written
