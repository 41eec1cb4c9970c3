"""Encoders that are replaced while everybody watches, and one that fails again and again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import httpx
import pytest

from streams.ladder import BY_NAME
from tests.e2e.conftest import alice, cast
from tests.e2e.playlists import Stream
from tests.e2e.processes import paused
from tests.e2e.publisher import TONE, picture
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.faults.encoders import announced, another_encoder, ffmpegs, leave, own
from tests.faults.figures import Fault
from tests.faults.probe import Probe

__all__ = ["alice", "cast"]

RENDITIONS = 3  # a picture of this size has no more: source, sound and the lowest
SMALL, MEDIUM = (*picture("426x240"), *TONE), (*picture("854x480"), *TONE)
SETTLED_SEGMENTS, SETTLED_S = 2, 10
HANDED_OVER_S = 15
GIVEN_UP_S = 60
MOST_STARTS = 12  # five jobs, each of which may try twice


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=15) as client:
        yield client


def settle(probe: Probe) -> None:
    newest = probe.newest[0]
    until(lambda: probe.newest[0] >= newest + SETTLED_SEGMENTS, SETTLED_S)


def test_an_encoder_that_is_stopped_hands_over_without_a_gap(alice: Streamer, client: httpx.Client) -> None:
    site, fault = alice.site, Fault(13, "an encoder that is told to stop beside another, twice")
    with alice.on_air(inputs=SMALL), another_encoder(site) as successor:
        stream = Stream(alice, client)
        target_s = stream.media("360p").parsed.target_duration
        with Probe(stream.renditions["360p"]) as seen, Probe(stream.renditions["audio"]) as heard:
            settle(seen)
            before = own(site)
            leave(before)
            until(lambda: len(ffmpegs(successor)) == RENDITIONS and not ffmpegs(before), HANDED_OVER_S)
            settle(seen)
            until(lambda: len(announced()) == 2, HANDED_OVER_S)  # its supervisor has started another one
            last = own(site)
            leave(successor)
            until(lambda: len(ffmpegs(last)) == RENDITIONS and not ffmpegs(successor), HANDED_OVER_S)
            settle(seen)
        both = (seen, heard)
        fault.at_most("picture or sound stood still", max(probe.stood_s for probe in both), target_s, "s")
        fault.at_most("gaps and discontinuities", sum(len(probe.gaps) + len(probe.eras) - 1 for probe in both), 0)
        assert not any(probe.falls or probe.ended or probe.refusals for probe in both)


@pytest.mark.long
def test_a_rendition_whose_ffmpeg_always_fails_is_left_out_alone(alice: Streamer, client: httpx.Client, tmp_path: Path) -> None:
    fault = Fault(3, "an ffmpeg that fails each time")
    with paused(alice.site, "manage.py runencoder"):
        binary, broken, starts = failing(tmp_path)
        with another_encoder(alice.site, FFMPEG=str(binary)) as encoder, alice.on_air(inputs=MEDIUM, seconds=120):
            stream = Stream(alice, client)
            assert "480p" in stream.renditions
            with Probe(stream.renditions["360p"]) as other, Probe(stream.renditions["480p"]) as failed:
                settle(other)
                starts.unlink()
                broken.touch()
                [pid] = [pid for pid, command in ffmpegs(encoder).items() if is_of("480p", command)]
                os.kill(pid, signal.SIGKILL)
                began = time.monotonic()
                until(lambda: failed.refusals["404"], GIVEN_UP_S, alice.dashboard)
                fault.at_most("its rendition is given up", time.monotonic() - began, GIVEN_UP_S, "s")
            assert set(failed.refusals) == {"404"}
            target_s = stream.media("360p").parsed.target_duration
            fault.at_most("another rendition stood still", other.stood_s, target_s, "s")
            assert not other.refusals
            assert "480p" not in Stream(alice, client).renditions
            assert "encoder of 480p keeps failing" in alice.dashboard()
            fault.at_most("its starts", len(starts.read_text().splitlines()), MOST_STARTS)


def is_of(rendition: str, command: str) -> bool:
    return f"-b:v {BY_NAME[rendition].kbit_s}k" in command


def failing(folder: Path) -> tuple[Path, Path, Path]:
    """An ffmpeg that fails for 480p as soon as there is a certain file, and a list of when it was started for that."""
    binary, broken, starts = folder / "ffmpeg", folder / "broken", folder / "starts"
    binary.write_text(
        f"""#!/bin/sh
case "$*" in
  *"-b:v {BY_NAME["480p"].kbit_s}k"*) date >> {starts}; [ ! -e {broken} ] || exit 1 ;;
esac
exec {which("ffmpeg")} "$@"
"""
    )
    binary.chmod(0o755)
    return binary, broken, starts
