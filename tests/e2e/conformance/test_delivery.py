"""How playlists are sent, and what the multivariant one says: one rule each."""

from __future__ import annotations

from tests.e2e.conformance.asked import (
    PICTURES,
    RENDITIONS,
    TARGET_S,
)
from tests.e2e.playlists import Stream


def test_answers_to_directives_are_kept_for_six_target_durations_and_others_not_at_all(low: Stream, name: str) -> None:
    msn, part = low.media(name).next_part
    assert f"max-age={6 * TARGET_S}" in low.media(name, msn=msn, part=part).headers["Cache-Control"]
    assert "no-cache" in low.media(name).headers["Cache-Control"]


def test_playlists_come_compressed(low: Stream, name: str) -> None:
    assert low.media(name).headers["Content-Encoding"] == "gzip"


def test_the_multivariant_playlist_says_what_each_variant_is(low: Stream) -> None:
    variants = {playlist.uri.split("/")[0]: playlist.stream_info for playlist in low.master.playlists}
    assert set(variants) == set(RENDITIONS)
    for name in PICTURES:
        assert variants[name].resolution == (320, 180)
        assert variants[name].codecs.startswith("avc1.") and variants[name].codecs.endswith(",mp4a.40.2")
    assert variants["audio"].codecs == "mp4a.40.2" and variants["audio"].resolution is None


def test_the_bandwidth_of_a_variant_is_at_least_that_of_its_largest_segment(low: Stream) -> None:
    rates = {name: largest_rate(low, name) for name in RENDITIONS}
    for playlist in low.master.playlists:
        name = playlist.uri.split("/")[0]
        assert playlist.stream_info.bandwidth >= rates[name] + (rates["audio"] if name != "audio" else 0)


def largest_rate(stream: Stream, name: str) -> float:
    segments = stream.with_segments(name, 3).complete[-3:]
    return max(len(stream.bytes(segment.url or "")) * 8 / segment.duration for segment in segments)
