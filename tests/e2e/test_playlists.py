"""What a player gets from the edge while a stream runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.playlists import Stream
from tests.e2e.processes import asked_of_the_origin
from tests.e2e.streamer import Cast
from tests.e2e.waiting import until

FRAME_S = 1 / 30
AUDIO_LATE_S = 0.35  # sound is cut at the first frame after a boundary is known, at most one part late
AT_ONCE_S = 0.2
TRIES = 5  # for what must be quick, on a machine that may be busy at the moment
ABSENT = "0123456789abcdef"


@pytest.fixture(scope="module")
def stream(cast: Cast) -> Iterator[Stream]:
    alice = cast.join("alice")
    with httpx.Client(timeout=15) as client, alice.on_air(seconds=150):
        yield Stream(alice, client)


RENDITIONS = ("source", "360p", "audio")


def test_the_master_lists_picture_and_sound(stream: Stream) -> None:
    assert set(stream.renditions) == set(RENDITIONS)
    for playlist in stream.master.playlists[:2]:
        assert playlist.stream_info.resolution == (640, 360)
        assert playlist.stream_info.codecs.startswith("avc1.")
        assert playlist.stream_info.codecs.endswith(",mp4a.40.2")
        assert playlist.stream_info.bandwidth > 100_000
        assert playlist.media[0].group_id == stream.master.media[0].group_id


def test_a_channel_has_one_address_for_other_players(stream: Stream) -> None:
    answer = stream.client.get(f"{stream.streamer.site.url}/live/{stream.streamer.name}.m3u8")
    assert answer.status_code == 302
    assert httpx.URL(stream.streamer.site.url).join(answer.headers["Location"]) == stream.url
    assert stream.client.get(f"{stream.streamer.site.url}/live/nobody_at_all.m3u8").status_code == 404


def test_the_page_is_told_what_is_live(stream: Stream) -> None:
    state = stream.streamer.state()
    assert (state["state"], state["id"]) == ("live", stream.live["id"])
    assert stream.url.endswith(state["playlist"])
    assert stream.client.get(f"{stream.streamer.site.url}/live/{stream.streamer.name}/state?after=x").status_code == 400


# --- the edge -----------------------------------------------------------------------------------------------------------


def test_many_who_wait_for_one_part_are_one_request_at_the_origin(stream: Stream) -> None:
    media = stream.media("source")
    msn, part = media.next_part
    before = asked_of_the_origin(stream.streamer.site)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stream.media("source", msn=msn, part=part + 1), range(20)))
    assert all((msn, part + 1) in answer for answer in answers)
    assert len({answer.text for answer in answers}) == 1
    assert asked_of_the_origin(stream.streamer.site) == before + 1


# --- headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "media_type"), [("source", "video/mp4"), ("360p", "video/mp4"), ("audio", "audio/mp4")])
def test_media_is_kept_for_long_and_called_by_its_type(stream: Stream, name: str, media_type: str) -> None:
    segment = stream.with_segments(name, 1).complete[-1]
    for url in (segment.init, segment.url or "", segment.parts[0].url):
        answer = stream.client.get(url)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == media_type
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_playlists_are_fresh_compressed_and_open_to_other_sites(stream: Stream) -> None:
    for url in (stream.url, stream.renditions["360p"], stream.renditions["audio"]):
        answer = stream.client.get(url)
        assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "immutable" not in answer.headers["Cache-Control"]
    assert "no-cache" in stream.client.get(stream.renditions["360p"]).headers["Cache-Control"]


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
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn={next}&_HLS_part=9{n}", 400),
        ("/hls/{id}/360p/playlist.m3u8?_HLS_msn=five&_HLS_part={n}", 400),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(stream: Stream, path: str, status: int) -> None:
    next_msn, took = stream.media().segments[-1].msn + 1, []
    for n in range(100, 100 + TRIES):
        began = time.monotonic()
        answer = stream.client.get(
            stream.streamer.site.url + path.format(absent=ABSENT, id=stream.live["id"], n=n, next=next_msn)
        )
        took.append(time.monotonic() - began)
        assert answer.status_code == status, answer.text
    assert min(took) < AT_ONCE_S


def test_a_channel_that_is_over_has_no_address_for_other_players_any_more(cast: Cast) -> None:
    alice = cast.join("alice")
    with alice.on_air():
        pass
    alice.wait_until_over()
    until(lambda: httpx.get(f"{alice.site.url}/live/{alice.name}.m3u8").status_code == 404, 5)
