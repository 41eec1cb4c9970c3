"""A small broadcast, with a player that never stops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.e2e.playlists import Stream
from tests.e2e.publisher import TONE, Publisher, picture
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.faults.figures import Fault
from tests.faults.probe import Probe

SMALL = (*picture("426x240"), *TONE)
RENDITION = "360p"
SETTLED_SEGMENTS, SETTLED_S = 2, 15
PATIENCE_S = 40


@dataclass(frozen=True)
class Watched:
    id: str
    publisher: Publisher
    stream: Stream
    probe: Probe
    target_s: int

    @property
    def is_current(self) -> bool:
        return self.probe.is_served and self.probe.behind_s <= self.target_s


@contextmanager
def watched(alice: Streamer, client: httpx.Client, seconds: int = 90, kind: type[Probe] = Probe) -> Iterator[Watched]:
    with alice.on_air(inputs=SMALL, seconds=seconds) as publisher:
        stream = Stream(alice, client)
        media = stream.media(RENDITION)
        with kind(stream.renditions[RENDITION]) as probe:
            until(lambda: probe.newest[0] >= media.segments[-1].msn + SETTLED_SEGMENTS, SETTLED_S)
            yield Watched(str(alice.state()["id"]), publisher, stream, probe, media.target_s)


def unaffected(fault: Fault, air: Watched, alice: Streamer) -> None:
    fault.at_most("the picture stood still", air.probe.longest_s, air.target_s, "s")
    fault.at_most("discontinuities", len(air.probe.eras) - 1, 0)
    assert air.probe.falls == [] and not air.probe.ended and not air.probe.refusals, air.probe
    assert air.publisher.runs
    until(lambda: alice.state()["state"] == "live", PATIENCE_S)
    assert alice.state()["id"] == air.id


def since(moment: float) -> float:
    return time.monotonic() - moment


def wait(seconds: float) -> None:
    began = time.monotonic()
    until(lambda: since(began) >= seconds, seconds + 1)
