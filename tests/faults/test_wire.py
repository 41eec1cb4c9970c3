"""A publisher whose line carries less than it sends, and loses some of that: what its streamer and a player see of it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.conftest import cast
from tests.e2e.playlists import Stream
from tests.e2e.processes import below, commands, read
from tests.e2e.publisher import GOP_2S, H264, TONE, picture
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.faults.encoders import own
from tests.faults.figures import Fault
from tests.faults.line import Line
from tests.faults.probe import Probe
from tests.faults.quality import Quality
from tests.faults.wire import Wire
from tests.live import Site

__all__ = ["cast"]
pytestmark = pytest.mark.long

VIDEO_KBIT_S, AUDIO_KBIT_S = 160, 40
SENT: dict[str, Any] = {
    "inputs": (*picture("426x240"), *TONE),
    "video": (*H264, *GOP_2S, "-b:v", f"{VIDEO_KBIT_S}k", "-maxrate", f"{VIDEO_KBIT_S}k", "-bufsize", f"{VIDEO_KBIT_S}k"),
    "audio": ("-c:a", "aac", "-b:a", f"{AUDIO_KBIT_S}k"),
}
SHARE = 0.8
POOR = Quality(loss=0.05, delay_s=0.3, jitter_s=0.1, bit_s=SHARE * (VIDEO_KBIT_S + AUDIO_KBIT_S) * 1000)
ENOUGH_S, SETTLED_S, LOOKED_AT_S = 120, 15, 45
TOLD_S = 15
CARRIED = 0.6  # of the time that passes, as the picture's
GROWN_MB = 10  # Redis holds more of the picture than the minute
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.fixture
def alice(cast: Cast) -> Streamer:
    return cast.join("alice")


@contextmanager
def wired(url: str) -> Iterator[dict[str, Any]]:
    with Wire(POOR, random.Random(12)) as wire, Line(url, listener=wire.listener) as line:
        yield {"base": line.url, "before": wire.inside}


@contextmanager
def proxied(url: str) -> Iterator[dict[str, Any]]:
    with Line(url, quality=POOR) as line:
        yield {"base": line.url}


Way = Callable[[str], AbstractContextManager[dict[str, Any]]]


@pytest.mark.parametrize(
    ("way", "said"), [(wired, "TUN devices in namespaces of their own"), (proxied, "a shaping TCP proxy")], ids=["tun", "proxy"]
)
def test_a_line_that_is_too_slow_and_loses_packets_keeps_the_broadcast_live(
    alice: Streamer, client: httpx.Client, way: Way, said: str
) -> None:
    fault = Fault(12, f"a line with 5 % loss, 300 ± 100 ms, {SHARE} × the bit rate: {said}")
    with way(alice.site.rtmp_url) as there, alice.on_air(seconds=ENOUGH_S, **there, **SENT) as publisher:
        began, broadcast_id, stream = time.monotonic(), alice.state()["id"], Stream(alice, client)
        until(lambda: "Unstable connection." in alice.dashboard(), TOLD_S, alice.dashboard)
        fault.at_most("the dashboard says that it is unstable", time.monotonic() - began, TOLD_S, "s")
        with Probe(stream.renditions["360p"]) as probe:
            until(lambda: time.monotonic() - began >= SETTLED_S and probe.edge, SETTLED_S)
            before, (seen, carried) = memory_mb(alice.site), watched(alice, probe)
        grown = {name: mb - before[name] for name, mb in memory_mb(alice.site).items()}
        assert publisher.runs and seen == {("live", broadcast_id)}
    assert not probe.ended and not probe.refusals and not probe.falls and len(probe.eras) == 1
    fault.at_least("of the picture gets to viewers as time passes", carried, CARRIED)
    for name, mb in grown.items():
        fault.at_most(f"memory that {name} takes more in {LOOKED_AT_S} s", mb, GROWN_MB, "MB")


def watched(alice: Streamer, probe: Probe) -> tuple[set[tuple[str, str]], float]:
    """Every state that the channel's page was told, and how fast the picture went on."""
    began, edge = time.monotonic(), probe.edge
    seen: set[tuple[str, str]] = set()

    def look() -> bool:
        state = alice.state()
        seen.add((state["state"], state["id"]))
        return time.monotonic() - began >= LOOKED_AT_S

    until(look, LOOKED_AT_S + 1)
    return seen, (probe.edge - edge) / (time.monotonic() - began)


def memory_mb(site: Site) -> dict[str, float]:
    """That is resident."""
    encoder, redis = own(site), f":{urlsplit(site.env['SEGMENTS_REDIS_URL']).port}"
    [nginx] = [pid for pid, command in commands(site).items() if "nginx" in command and " -c " in command]
    [segments] = [pid for pid, command in commands(site).items() if "redis-server" in command and redis in command]
    found = {"the encoder with its children": [encoder, *below(encoder)], "the RTMP server": [nginx], "Redis": [segments]}
    return {name: sum(map(resident_mb, pids)) for name, pids in found.items()}


def resident_mb(pid: int) -> float:
    fields = read(Path(f"/proc/{pid}/statm")).split()
    return int(fields[1]) * PAGE_MB if fields else 0
