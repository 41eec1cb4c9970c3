"""What a player gets from the edge while a stream runs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import m3u8
import pytest

from deploy.local.instance import Instance
from deploy.local.program import system_tool
from tests.e2e.playlists import Listed, Media, fetch
from tests.e2e.streamer import Cast, Streamer
from tests.e2e.waiting import until
from tests.live import Site

FRAME_S = 1 / 30
AUDIO_LATE_S = 0.35  # sound is cut at the first frame after a boundary is known, at most one part late
AT_ONCE_S = 0.2
TRIES = 5  # for what must be quick, on a machine that may be busy at the moment
ABSENT = "0123456789abcdef"


class Stream:
    """One that runs while these tests do."""

    def __init__(self, alice: Streamer, client: httpx.Client) -> None:
        self.alice = alice
        self.client = client
        self.live = alice.live or {}
        self.url: str = self.live["playlist"]
        self.master = m3u8.loads(client.get(self.url).raise_for_status().text, uri=self.url)
        self.video = {playlist.uri.partition("/")[0]: playlist.absolute_uri for playlist in self.master.playlists}
        self.audio: str = self.master.media[0].absolute_uri

    @property
    def renditions(self) -> dict[str, str]:
        return self.video | {"audio": self.audio}

    def media(self, name: str = "360p", **query: int) -> Media:
        return fetch(self.client, self.renditions[name], **query)

    def with_segments(self, name: str, count: int = 2) -> Media:
        """Its playlist, once it lists that many complete segments with media."""
        media = self.media(name)
        while len(media.complete) < count:
            msn, part = media.next_part
            media = self.media(name, msn=msn, part=part)
        return media

    def bytes(self, url: str) -> bytes:
        return self.client.get(url).raise_for_status().content


@pytest.fixture(scope="module")
def stream(cast: Cast) -> Iterator[Stream]:
    alice = cast.join("alice")
    with httpx.Client(timeout=15) as client, alice.on_air(seconds=150):
        yield Stream(alice, client)


RENDITIONS = ("source", "360p", "audio")


def test_the_master_lists_picture_and_sound(stream: Stream) -> None:
    assert set(stream.renditions) == set(RENDITIONS)
    for playlist in stream.master.playlists:
        assert playlist.stream_info.resolution == (640, 360)
        assert playlist.stream_info.codecs.startswith("avc1.")
        assert playlist.stream_info.codecs.endswith(",mp4a.40.2")
        assert playlist.stream_info.bandwidth > 100_000
        assert playlist.media[0].group_id == stream.master.media[0].group_id


def test_a_channel_has_one_address_for_other_players(stream: Stream) -> None:
    answer = stream.client.get(f"{stream.alice.site.url}/live/{stream.alice.name}.m3u8")
    assert answer.status_code == 302
    assert httpx.URL(stream.alice.site.url).join(answer.headers["Location"]) == stream.url
    assert stream.client.get(f"{stream.alice.site.url}/live/nobody_at_all.m3u8").status_code == 404


def test_the_page_is_told_what_is_live(stream: Stream) -> None:
    state = stream.alice.state()
    assert (state["state"], state["id"]) == ("live", stream.live["id"])
    assert stream.url.endswith(state["playlist"])
    assert stream.client.get(f"{stream.alice.site.url}/live/{stream.alice.name}/state?after=x").status_code == 400


# --- low latency ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RENDITIONS)
def test_a_blocked_request_is_answered_with_the_part_that_it_waits_for(stream: Stream, name: str) -> None:
    media = stream.media(name)
    for _ in range(5):
        wanted = media.next_part
        media = stream.media(name, msn=wanted[0], part=wanted[1])
        assert wanted in media


def test_a_blocked_request_can_wait_for_a_whole_segment(stream: Stream) -> None:
    msn = stream.media().segments[-1].msn + 1
    assert any(segment.msn == msn and segment.uri for segment in stream.media(msn=msn).segments)


@pytest.mark.parametrize("name", RENDITIONS)
def test_the_hinted_part_is_held_until_it_exists(stream: Stream, name: str) -> None:
    media = stream.media(name)
    assert media.hint
    data = stream.bytes(media.hint)
    assert data[4:8] in (b"moof", b"styp")
    assert media.hint in until(lambda: [p for s in stream.media(name).segments for p in s.parts if p == media.hint], 5)


def test_many_who_wait_for_one_part_are_one_request_at_the_origin(stream: Stream) -> None:
    media = stream.media("source")
    msn, part = media.next_part
    before = asked_of_the_origin(stream.alice.site)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stream.media("source", msn=msn, part=part + 1), range(20)))
    assert all((msn, part + 1) in answer for answer in answers)
    assert len({answer.text for answer in answers}) == 1
    assert asked_of_the_origin(stream.alice.site) == before + 1


def asked_of_the_origin(site: Site) -> int:
    """How many requests the edge has passed on."""
    work = Instance(site.folder.resolve(), public=False).data / "varnish" / "work"
    command = [system_tool("varnishstat"), "-n", str(work), "-j", "-f", "MAIN.backend_req"]
    statistics = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return int(statistics["counters"]["MAIN.backend_req"]["value"])


# --- headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "media_type"), [("source", "video/mp4"), ("360p", "video/mp4"), ("audio", "audio/mp4")])
def test_media_is_kept_for_long_and_called_by_its_type(stream: Stream, name: str, media_type: str) -> None:
    segment = stream.with_segments(name, 1).complete[-1]
    for url in (segment.init, segment.uri or "", segment.parts[0]):
        answer = stream.client.get(url)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == media_type
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_playlists_are_fresh_compressed_and_open_to_other_sites(stream: Stream) -> None:
    for url in (stream.url, stream.video["360p"], stream.audio):
        answer = stream.client.get(url)
        assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "immutable" not in answer.headers["Cache-Control"]
    assert "no-cache" in stream.client.get(stream.video["360p"]).headers["Cache-Control"]


# --- what is in it --------------------------------------------------------------------------------------------------------


def test_all_renditions_agree_on_numbers_and_dates(stream: Stream) -> None:
    numbered = {name: by_number(stream.with_segments(name, 3).segments) for name in RENDITIONS}
    common = set.intersection(*map(set, numbered.values()))
    assert len(common) >= 2
    for msn in common:
        source, transcode, audio = (numbered[name][msn].date for name in RENDITIONS)
        assert abs((transcode - source).total_seconds()) <= FRAME_S / 2
        assert -FRAME_S <= (audio - source).total_seconds() <= AUDIO_LATE_S


def by_number(segments: list[Listed]) -> dict[int, Listed]:
    return {segment.msn: segment for segment in segments}


@pytest.mark.parametrize("name", RENDITIONS)
def test_a_segment_is_its_parts(stream: Stream, name: str) -> None:
    segment = stream.with_segments(name).complete[-1]
    assert len(segment.parts) >= 4
    assert stream.bytes(segment.uri or "") == b"".join(stream.bytes(part) for part in segment.parts)


@pytest.mark.parametrize(("name", "codec"), [("source", "h264"), ("360p", "h264"), ("audio", "aac")])
def test_a_segment_can_be_decoded_from_its_first_frame(stream: Stream, name: str, codec: str, tmp_path: Path) -> None:
    segment = stream.with_segments(name).complete[-1]
    file = tmp_path / "segment.mp4"
    file.write_bytes(stream.bytes(segment.init) + stream.bytes(segment.uri or ""))
    complaints = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", file, "-f", "null", "-"], capture_output=True, check=True
    ).stderr
    assert not complaints
    [track] = probe(file)["streams"]
    assert track["codec_name"] == codec
    if codec == "h264":
        assert (track["width"], track["height"]) == (640, 360)
        assert 58 <= int(track["nb_read_frames"]) <= 62
        first = probe(file, "-read_intervals", "%+#1", "-show_frames")["frames"][0]
        assert first["key_frame"] == 1
    else:
        assert abs(int(track["nb_read_frames"]) * 1024 / 48000 - 2) < AUDIO_LATE_S


def probe(file: Path, *options: str) -> dict[str, list[dict[str, Any]]]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", *options, "-of", "json", str(file)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


# --- bad questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hls/{absent}/master.m3u8", 404),
        ("/hls/{absent}/360p/playlist.m3u8?_HLS_msn={n}", 404),
        ("/hls/{absent}/360p/p1-{n}.mp4", 404),
        ("/hls/nonsense{n}/master.m3u8", 404),
        ("/hls/{id}/1080p/playlist.m3u8?_HLS_msn={n}", 404),
        ("/hls/{id}/360p/p1-9{n}.mp4", 404),
        ("/hls/{id}/360p/s9{n}.mp4", 404),
        ("/hls/{id}/360p/i9{n}.mp4", 404),
        ("/hls/{id}/360p/gap.mp4?{n}", 404),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn=99{n}", 400),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn=-{n}", 400),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn=99999999999999{n}", 400),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_part={n}", 400),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn={last}&_HLS_part=9{n}", 400),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn=five&_HLS_part={n}", 400),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(stream: Stream, path: str, status: int) -> None:
    last, took = stream.media().segments[-1].msn, []
    for n in range(100, 100 + TRIES):
        began = time.monotonic()
        answer = stream.client.get(stream.alice.site.url + path.format(absent=ABSENT, id=stream.live["id"], n=n, last=last))
        took.append(time.monotonic() - began)
        assert answer.status_code == status, answer.text
    assert min(took) < AT_ONCE_S


def test_a_stream_that_is_over_says_so_and_can_be_watched_to_its_end(cast: Cast) -> None:
    alice = cast.join("alice")
    with httpx.Client(timeout=15) as client:
        with alice.on_air():
            stream = Stream(alice, client)
            stream.with_segments("audio", 1)
        alice.wait_until_over()
        for name in stream.renditions:
            until(partial(is_over, stream, name), 5)
            media = stream.media(name)
            assert media.hint is None
            assert stream.bytes(media.complete[-1].uri or "")
        until(lambda: client.get(f"{alice.site.url}/live/{alice.name}.m3u8").status_code == 404, 5)


def is_over(stream: Stream, name: str) -> bool:
    return stream.media(name).ended
