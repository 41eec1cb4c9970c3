from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.e2e.conformance.asked import FPS, GOP_S, RENDITIONS
from tests.e2e.playlists import Stream
from tests.e2e.publisher import H264, TONE, picture
from tests.e2e.streamer import Cast


@pytest.fixture(scope="package")
def streams(cast: Cast) -> Iterator[dict[str, Stream]]:
    """One of each latency, at the frame rates that fit it worst."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=20))
        streamers = {latency: cast.join("alice", latency=latency) for latency in FPS}
        for latency, alice in streamers.items():
            fps = FPS[latency]
            video = (*H264, "-g", str(GOP_S * fps), "-sc_threshold", "0")
            stack.enter_context(alice.on_air(inputs=(*picture("320x180", fps), *TONE), video=video, seconds=300))
        yield {latency: Stream(alice, client) for latency, alice in streamers.items()}


@pytest.fixture(params=["low", "ultra", pytest.param("steady", marks=pytest.mark.long)])
def stream(streams: dict[str, Stream], request: pytest.FixtureRequest) -> Stream:
    return streams[request.param]


@pytest.fixture
def low(streams: dict[str, Stream]) -> Stream:
    return streams["low"]


@pytest.fixture(params=RENDITIONS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param
