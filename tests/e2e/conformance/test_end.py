"""What becomes of playlists when a stream ends: one rule each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.conformance.asked import (
    RENDITIONS,
)
from tests.e2e.playlists import Stream
from tests.e2e.publisher import TONE, picture
from tests.e2e.streamer import Cast
from tests.e2e.waiting import until


@pytest.fixture(scope="module")
def over(cast: Cast) -> Iterator[Stream]:
    """A stream that has been stopped."""
    alice = cast.join("alice")
    with httpx.Client(timeout=20) as client:
        with alice.on_air(inputs=(*picture("320x180"), *TONE)):
            stream = Stream(alice, client)
            stream.with_segments("audio", 1)
        alice.wait_until_over()
        for name in RENDITIONS:
            until(lambda name=name: stream.media(name).ended, 5)  # type: ignore[misc]
        yield stream


def test_a_stream_that_is_over_ends_its_playlists_lists_no_parts_and_hints_at_none(over: Stream, name: str) -> None:
    media = over.media(name)
    assert media.text.endswith("#EXT-X-ENDLIST\n")
    assert media.hint is None and not media.parts
    assert over.bytes(media.complete[-1].url or "")


def test_segments_that_were_never_made_are_gaps_and_are_not_there(over: Stream, name: str) -> None:
    gaps = [segment for segment in over.media(name).parsed.segments if segment.gap_tag]
    assert gaps
    assert over.client.get(gaps[0].absolute_uri).status_code == 404


@pytest.mark.parametrize("query", ["_HLS_msn=99999", "_HLS_msn=99999&_HLS_part=7", "_HLS_skip=YES"])
def test_directives_are_ignored_once_a_playlist_has_ended(over: Stream, name: str, query: str) -> None:
    answer = over.ask(name, query)
    assert answer.status_code == 200
    assert answer.text == over.media(name).text


def test_many_who_wait_for_the_end_are_told(cast: Cast) -> None:
    alice = cast.join("alice")
    with httpx.Client(timeout=20) as client, ThreadPoolExecutor(len(RENDITIONS)) as pool:
        with alice.on_air(inputs=(*picture("320x180"), *TONE)):
            stream = Stream(alice, client)
            last = {name: stream.media(name).segments[-1].msn + 2 for name in RENDITIONS}
            asked = [pool.submit(stream.media, name, msn=last[name]) for name in RENDITIONS]
        assert all(asking.result().ended for asking in asked)
