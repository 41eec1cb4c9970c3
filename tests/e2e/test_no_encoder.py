"""The encoders' pool stands still for a while: nobody else may be publishing meanwhile."""

from __future__ import annotations

from tests.e2e.processes import commands, paused
from tests.e2e.streamer import Streamer
from tests.e2e.waiting import until

REFUSED_S = 10  # three of them are the site's; the rest is ffmpeg's, on a busy machine


def encoding(alice: Streamer) -> list[str]:
    return [command for command in commands(alice.site).values() if command.startswith("ffmpeg")]


def test_a_publisher_for_whom_there_is_no_encoder_is_refused_and_may_come_again(alice: Streamer) -> None:
    with paused(alice.site, "manage.py runencoder"), alice.publish() as publisher:
        assert 3 <= publisher.end(REFUSED_S) <= REFUSED_S
        assert publisher.process.returncode != 0
        assert alice.live is None
        assert "The last attempt was refused: no encoder free." in alice.dashboard()
    with alice.on_air():
        assert encoding(alice)
    until(lambda: not encoding(alice), within_s=10)
