"""The encoders' pool stands still for a while: nobody else may be publishing meanwhile."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.e2e.playlists import Stream
from tests.e2e.processes import commands, paused
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until

GOES_ON_S = 15
REFUSED_S = 10  # three of them are the site's; the rest is ffmpeg's, on a busy machine


def encoding(alice: Streamer) -> list[str]:
    return [command for command in commands(alice.site).values() if command.startswith("ffmpeg")]


@pytest.mark.long
def test_a_request_that_was_held_for_three_target_durations_is_503(alice: Streamer) -> None:
    """RFC 8216bis 6.2.5.2; then the encoders go on where they were."""
    with httpx.Client(timeout=20) as client, alice.on_air():
        stream = Stream(alice, client)
        media = stream.with_segments("360p", 1)
        with paused(alice.site, "manage.py runencoder"):
            began, answer = time.monotonic(), stream.ask("360p", f"_HLS_msn={media.segments[-1].msn + 2}")
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert time.monotonic() - began >= 3 * media.parsed.target_duration
        until(lambda: stream.media("360p").segments[-1].msn > media.segments[-1].msn + 3, GOES_ON_S)


def test_a_publisher_for_whom_there_is_no_encoder_is_refused_and_may_come_again(alice: Streamer) -> None:
    with paused(alice.site, "manage.py runencoder"), alice.publish() as publisher:
        assert 3 <= publisher.end(REFUSED_S) <= REFUSED_S
        assert publisher.process.returncode != 0
        assert alice.live is None
        assert "The last attempt was refused: no encoder free." in alice.dashboard()
    with alice.on_air():
        assert encoding(alice)
    until(lambda: not encoding(alice), within_s=10)
