"""Publishers whose key is good and whose stream is odd: served, or refused with a reason; never a hang, never a crash loop."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.e2e.publisher import GOP_10S, H264, SORENSON, TONE, Publisher, picture
from tests.e2e.raw_rtmp import RawPublisher
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until

REASON_S = 15
SILENCE_S = 25  # for one that sends nothing at all, and may be about to begin
PATIENCE = 2  # on a busy machine
RETRIES = 8  # new encoders that a broadcast may need there: two per rendition, where the reconciler looks late

KEYFRAME, OTHER, FRAME_MS = 1, 2, 33
HEVC_HEADER = bytes.fromhex("0101600000009000000000005df000fcfdf8f800000f0320")  # HEVCDecoderConfigurationRecord


def calm(streamer: Streamer) -> None:
    """Its encoders were not called again and again."""
    broadcast_id = streamer.state()["id"]
    log = (streamer.site.folder / "log" / "jobs.log").read_text()
    assert log.count(f" of {broadcast_id} has no encoder") <= RETRIES


def renditions(streamer: Streamer) -> set[str]:
    playlist = httpx.get(f"{streamer.site.url}/live/{streamer.name}.m3u8", follow_redirects=True).raise_for_status().text
    return set(re.findall(r"^(\w+)/playlist\.m3u8$", playlist, re.MULTILINE)) | set(re.findall(r'URI="(\w+)/', playlist))


def advised(streamer: Streamer, words: str) -> None:
    until(lambda: words in streamer.dashboard(), REASON_S * PATIENCE, streamer.dashboard)


# --- served ---------------------------------------------------------------------------------------------------------------


def test_a_stream_without_sound_is_served_with_silence_and_the_streamer_told(alice: Streamer) -> None:
    with alice.on_air(inputs=picture(), audio=()):
        assert "audio" in renditions(alice)
        advised(alice, "No audio.")
    calm(alice)


def test_keyframes_ten_seconds_apart_are_served_without_the_source_and_the_streamer_told(alice: Streamer) -> None:
    with alice.on_air(video=(*H264, *GOP_10S)):
        assert "source" not in renditions(alice)
        advised(alice, "Keyframes far apart.")
    calm(alice)


def test_video_that_is_not_h264_but_can_be_decoded_is_served_and_the_streamer_told(alice: Streamer) -> None:
    with alice.on_air(video=SORENSON):
        assert "source" not in renditions(alice)
        advised(alice, "Video is not H.264.")
    calm(alice)


def test_sound_that_is_not_aac_is_encoded(alice: Streamer) -> None:
    with alice.on_air(audio=("-c:a", "libmp3lame")):
        assert "audio" in renditions(alice)
    calm(alice)


# --- refused --------------------------------------------------------------------------------------------------------------


@dataclass
class Refused:
    """Three at a time: each takes as long as it takes to be sure."""

    sound_only: Streamer
    sound: Publisher
    hevc: Streamer
    silent: Streamer


@pytest.fixture(scope="module")
def refused(cast: Cast) -> Iterator[Refused]:
    sound_only, hevc, silent = (cast.join("alice") for _ in range(3))
    with ExitStack() as stack:
        sound = stack.enter_context(sound_only.publish(inputs=TONE, video=()))
        stack.enter_context(RawPublisher(f"{silent.site.rtmp_url}/{silent.key}"))
        stack.enter_context(sending_hevc(f"{hevc.site.rtmp_url}/{hevc.key}"))
        yield Refused(sound_only, sound, hevc, silent)


class sending_hevc:
    """As Enhanced RTMP has it: a FourCC, which ffmpeg 5.1 can neither write nor read."""

    def __init__(self, url: str) -> None:
        self.publisher = RawPublisher(url)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.send)

    def send(self) -> None:
        self.publisher.send_video(0, b"\x90hvc1" + HEVC_HEADER)
        number = 0
        while not self.over.wait(FRAME_MS / 1000):
            kind = OTHER if number % 60 else KEYFRAME
            try:
                self.publisher.send_video(number * FRAME_MS, bytes([0x80 | kind << 4 | 1]) + b"hvc1\0\0\0" + os.urandom(500))
            except OSError:
                return  # it was dropped, as it should be
            number += 1

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.publisher.socket.close()


def ended_by_the_site(streamer: Streamer, short: str, within_s: float) -> None:
    words = f"The last broadcast ended: {short}."
    until(lambda: words in streamer.dashboard(), within_s * PATIENCE, streamer.dashboard)
    assert streamer.live is None
    calm(streamer)


def test_sound_alone_is_refused_with_that_reason(refused: Refused) -> None:
    ended_by_the_site(refused.sound_only, "no video", REASON_S)
    assert "No audio" not in refused.sound_only.dashboard()
    refused.sound.end(within_s=10)


def test_hevc_is_refused_with_that_reason(refused: Refused) -> None:
    ended_by_the_site(refused.hevc, "video is not H.264", REASON_S)


def test_a_publisher_that_sends_nothing_is_let_go(refused: Refused) -> None:
    ended_by_the_site(refused.silent, "no media arrived", SILENCE_S)
    assert "No audio" not in refused.silent.dashboard()
