"""Playlists as a player reads them, with m3u8 for a second opinion."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx
import m3u8


@dataclass
class Listed:
    """A segment with media."""

    msn: int
    date: dt.datetime
    parts: list[str] = field(default_factory=list)  # addresses
    uri: str | None = None  # once it is complete
    init: str = ""


@dataclass
class Media:
    url: str
    text: str
    target_s: int
    segments: list[Listed]
    hint: str | None

    @property
    def next_part(self) -> tuple[int, int]:
        """What a player asks for next: media sequence number and part."""
        last = self.segments[-1]
        return (last.msn + 1, 0) if last.uri else (last.msn, len(last.parts))

    @property
    def complete(self) -> list[Listed]:
        return [segment for segment in self.segments if segment.uri]

    @property
    def ended(self) -> bool:
        return "#EXT-X-ENDLIST" in self.text

    def __contains__(self, wanted: tuple[int, int]) -> bool:
        msn, part = wanted
        return any(s.msn > msn or (s.msn == msn and (s.uri or len(s.parts) > part)) for s in self.segments)


def fetch(client: httpx.Client, url: str, **query: int) -> Media:
    answer = client.get(url, params={f"_HLS_{name}": value for name, value in query.items()})
    answer.raise_for_status()
    return parse(url, answer.text)


def parse(url: str, text: str) -> Media:
    """Line by line, since m3u8 does not say which parts belong to the segment that is still open."""
    playlist = m3u8.loads(text, uri=url)
    return Media(
        url,
        text,
        playlist.target_duration,
        list(segments(url, text, playlist.media_sequence)),
        urljoin(url, playlist.preload_hint.uri) if playlist.preload_hint else None,
    )


def segments(url: str, text: str, msn: int) -> Iterator[Listed]:
    init, gap, current = "", False, None
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            init = urljoin(url, attribute(line, "URI"))
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            current = Listed(msn, dt.datetime.fromisoformat(line.partition(":")[2]), init=init)
        elif line.startswith("#EXT-X-PART:") and "GAP=YES" not in line and current:
            current.parts.append(urljoin(url, attribute(line, "URI")))
        elif line == "#EXT-X-GAP":
            gap = True
        elif line and not line.startswith("#"):
            if current and not gap:
                current.uri = urljoin(url, line)
                yield current
            msn, gap, current = msn + 1, False, None
    if current and current.parts:
        yield current


def attribute(line: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]+)"', line)
    assert found, line
    return found[1]
