"""What the streams are, and how the tests ask for them."""

from __future__ import annotations

import time

import httpx

from tests.e2e.playlists import Listed, Media, Stream

RENDITIONS = ("source", "360p", "audio")
PICTURES = ("source", "360p")
FPS = {"low": 30, "ultra": 25, "steady": 24}
PART_TARGET_S = {"low": 0.35, "ultra": 0.22, "steady": 1.0}
GOP_S = 2
TARGET_S = 3
STAMP_S = 0.002  # RTMP's stamps are whole milliseconds, and so are dates
AT_ONCE_S = 0.25
TRIES = 5  # for what must be quick, on a machine that may be busy at the moment


def latency_of(stream: Stream) -> str:
    return next(latency for latency, part_s in PART_TARGET_S.items() if f"PART-TARGET={part_s:g}" in stream.media().text)


def followed(stream: Stream, name: str, reloads: int) -> list[Media]:
    """A playlist and what it becomes, part by part."""
    found = [stream.media(name)]
    for _ in range(reloads):
        found.append(stream.after(name, found[-1]))
    return found


def numbered(stream: Stream, name: str, count: int = 3) -> dict[int, Listed]:
    return {segment.msn: segment for segment in stream.with_segments(name, count).complete}


def delta(stream: Stream, name: str) -> str:
    """A delta update that leaves something out."""
    media = stream.with_segments(name, 4)
    return stream.media(name, msn=media.segments[-1].msn, part=0, skip="YES").text


def quickly(stream: Stream, name: str, queries: list[str]) -> httpx.Response:
    """The last answer; none of them was held."""
    took = []
    for query in queries:
        began = time.monotonic()
        answer = stream.ask(name, query)
        took.append(time.monotonic() - began)
    assert min(took) < AT_ONCE_S, took
    return answer
