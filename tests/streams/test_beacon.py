from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import beacon
from streams.beacon import BadBeacon, Beacon

VIEWER = "0123456789abcdef"


def told(**fields: Any) -> bytes:
    return json.dumps({"viewer": VIEWER} | fields).encode()


def test_a_player_tells_what_it_knows() -> None:
    body = told(watched_ms=15000, stalls=1, rendition="360p", latency_ms=1310, buffer_ms=900)
    assert beacon.parse(body) == Beacon(VIEWER, 15000, 1, "360p", 1310, 900, leaves=False)


def test_a_player_that_knows_little_counts_as_well() -> None:
    assert beacon.parse(told(rendition=None, leaves=True)) == Beacon(VIEWER, 0, 0, None, None, None, leaves=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON object"),
        (b"[1]", "JSON object"),
        (b"\xff", "JSON object"),
        (b"[" * 500, "JSON object"),
        (b'{"viewer": "' + b"0" * 600 + b'"}', "bytes at most"),
        (b"{}", "viewer is missing"),
        (b'{"viewer": 7}', "viewer matches"),
        (b'{"viewer": "0123456789ABCDEF"}', "viewer matches"),
        (b'{"viewer": {"$ne": 1}}', "viewer matches"),
        (told(watched_ms=90_001), "watched_ms is a whole number"),
        (told(watched_ms=-1), "watched_ms is a whole number"),
        (told(watched_ms=True), "watched_ms is a whole number"),
        (told(watched_ms=1.5), "watched_ms is a whole number"),
        (told(stalls="1"), "stalls is a whole number"),
        (told(latency_ms=10**400), "latency_ms is a whole number"),
        (told(rendition="r:360p"), "rendition matches"),
        (told(rendition="a\n"), "rendition matches"),
    ],
)
def test_anything_else_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(BadBeacon, match=words):
        beacon.parse(body)


@given(
    st.binary(max_size=600)
    | st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text()).map(lambda d: told(**d))
)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        found = beacon.parse(body)
    except BadBeacon:
        return
    assert 0 <= found.watched_ms <= 90_000 and len(found.viewer) == 16
