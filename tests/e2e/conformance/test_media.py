"""What segments and parts hold: one rule each."""

from __future__ import annotations

import io
import json
import subprocess
from fractions import Fraction
from typing import Any, NamedTuple

import av
import pytest

from tests.e2e.conformance.asked import (
    FPS,
    GOP_S,
    PICTURES,
    STAMP_S,
    latency_of,
    numbered,
)
from tests.e2e.playlists import Listed, Stream


class Packet(NamedTuple):
    pts: Fraction  # seconds
    key: bool


def demuxed(stream: Stream, segment: Listed) -> list[Packet]:
    """As PyAV reads it."""
    data = stream.bytes(segment.init) + stream.bytes(segment.url or "")
    with av.open(io.BytesIO(data), mode="r", options={"ignore_editlist": "1"}) as container:
        return [Packet(p.pts * p.time_base, p.is_keyframe) for p in container.demux() if p.pts is not None and p.time_base]


def test_decode_times_and_keyframes_agree_across_renditions(stream: Stream) -> None:
    found = {name: numbered(stream, name) for name in PICTURES}
    msn = max(found["source"].keys() & found["360p"].keys())
    assert abs(decode_time(stream, found["source"][msn]) - decode_time(stream, found["360p"][msn])) <= STAMP_S
    source, transcode = (sorted(demuxed(stream, found[name][msn])) for name in PICTURES)
    assert len(source) == len(transcode) == pytest.approx(FPS[latency_of(stream)] * GOP_S, abs=1)
    # PyAV moves a track with negative composition offsets, a source with B-frames, so that none is shown before it is decoded
    moved = source[0].pts - transcode[0].pts
    assert 0 <= moved <= 3 / FPS[latency_of(stream)]
    assert all(abs(one.pts - other.pts - moved) <= STAMP_S for one, other in zip(source, transcode, strict=True))
    assert [packet.key for packet in source] == [packet.key for packet in transcode]


def test_every_segment_begins_with_a_keyframe_and_so_does_every_part_that_is_called_independent(stream: Stream) -> None:
    for name in PICTURES:
        segment = stream.with_segments(name).complete[-1]
        assert segment.parts[0].independent
        packets = demuxed(stream, segment)
        assert packets[0].key and packets[0].pts == min(packet.pts for packet in packets)
        keys = [bool(flags & 0x10000 == 0) for flags in first_flags(stream, segment)]
        assert keys == [part.independent for part in segment.parts]


def first_flags(stream: Stream, segment: Listed) -> list[int]:
    """The flags of the first sample of each part, straight from its `trun` (ISO/IEC 14496-12 8.8.8)."""
    found = []
    for part in segment.parts:
        data = stream.bytes(part.url)
        trun = data.index(b"trun")
        found.append(int.from_bytes(data[trun + 24 : trun + 28], "big"))
    return found


def test_the_tfdt_of_a_part_is_where_the_part_before_it_ends(stream: Stream, name: str) -> None:
    segment = stream.with_segments(name).complete[-1]
    scale = timescale(stream.bytes(segment.init))
    starts = [tfdt(stream.bytes(part.url)) / scale for part in segment.parts]
    for start, after, part in zip(starts, starts[1:], segment.parts, strict=False):
        assert after - start == pytest.approx(part.duration, abs=STAMP_S)


def decode_time(stream: Stream, segment: Listed) -> float:
    return tfdt(stream.bytes(segment.parts[0].url)) / timescale(stream.bytes(segment.init))


def tfdt(part: bytes) -> int:
    at = part.index(b"tfdt")
    return int.from_bytes(part[at + 8 : at + 16], "big")


def timescale(init: bytes) -> int:
    at = init.index(b"mdhd")
    return int.from_bytes(init[at + 16 : at + 20], "big")


@pytest.mark.parametrize(("name", "codec"), [("source", "h264"), ("360p", "h264"), ("audio", "aac")])
def test_ffprobe_reads_a_segment_as_the_playlist_describes_it(stream: Stream, name: str, codec: str) -> None:
    segment = stream.with_segments(name).complete[-1]
    [track] = probed(stream.bytes(segment.init) + stream.bytes(segment.url or ""))
    assert track["codec_name"] == codec
    if codec == "h264":
        assert (track["width"], track["height"]) == (320, 180)
        assert int(track["nb_read_frames"]) == pytest.approx(FPS[latency_of(stream)] * GOP_S, abs=1)
    else:
        assert int(track["nb_read_frames"]) * 1024 / 48000 == pytest.approx(segment.duration, abs=0.03)


def probed(data: bytes) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "-"]
    result = subprocess.run(command, input=data, capture_output=True, check=True)
    assert not result.stderr, result.stderr
    return json.loads(result.stdout)["streams"]
