"""A small broadcast, with a player that never stops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.e2e.playlists import Stream
from tests.e2e.publisher import TONE, Publisher, picture
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until
from tests.faults.probe import Probe

SMALL = (*picture("426x240"), *TONE)
RENDITION = "360p"
SETTLED_SEGMENTS, SETTLED_S = 2, 15


@dataclass(frozen=True)
class Watched:
    id: str
    publisher: Publisher
    stream: Stream
    probe: Probe
    target_s: int


@contextmanager
def watched(alice: Streamer, client: httpx.Client, seconds: int = 90) -> Iterator[Watched]:
    with alice.on_air(inputs=SMALL, seconds=seconds) as publisher:
        stream = Stream(alice, client)
        media = stream.media(RENDITION)
        with Probe(stream.renditions[RENDITION]) as probe:
            until(lambda: probe.newest[0] >= media.segments[-1].msn + SETTLED_SEGMENTS, SETTLED_S)
            yield Watched(str(alice.state()["id"]), publisher, stream, probe, media.target_s)
