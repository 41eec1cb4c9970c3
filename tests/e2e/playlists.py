"""Playlists as a player reads them, with m3u8 for a second opinion."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

import httpx
import m3u8

from tests.deltas import media_sequence
from tests.e2e.streamer import Streamer


@dataclass(frozen=True)
class Part:
    url: str
    duration: float
    independent: bool


@dataclass
class Listed:
    """A segment with media."""

    msn: int
    date: dt.datetime
    init: str
    era: int = 0  # its discontinuity sequence number
    parts: list[Part] = field(default_factory=list)
    url: str | None = None  # once it is complete
    duration: float = 0


@dataclass
class Media:
    """A media playlist."""

    url: str
    text: str
    headers: httpx.Headers

    @cached_property
    def parsed(self) -> Any:
        return m3u8.loads(self.text, uri=self.url)

    @cached_property
    def segments(self) -> list[Listed]:
        return list(segments(self.url, self.text))

    @property
    def sequence(self) -> int:
        return media_sequence(self.text)

    @property
    def target_s(self) -> int:
        return int(self.tag("EXT-X-TARGETDURATION").partition(":")[2])

    @property
    def hint(self) -> str | None:
        return urljoin(self.url, self.parsed.preload_hint.uri) if self.parsed.preload_hint else None

    @property
    def next_part(self) -> tuple[int, int]:
        """What a player asks for next: media sequence number and part."""
        last = self.segments[-1]
        return (last.msn + 1, 0) if last.url else (last.msn, len(last.parts))

    @property
    def complete(self) -> list[Listed]:
        return [segment for segment in self.segments if segment.url]

    @property
    def parts(self) -> list[Part]:
        return [part for segment in self.segments for part in segment.parts]

    @property
    def ended(self) -> bool:
        return "#EXT-X-ENDLIST" in self.text

    def tag(self, name: str) -> str:
        """The only line of this tag."""
        [line] = [line for line in self.text.splitlines() if line.startswith(f"#{name}:")]
        return line

    def __contains__(self, wanted: tuple[int, int]) -> bool:
        msn, part = wanted
        return any(s.msn > msn or (s.msn == msn and (s.url or len(s.parts) > part)) for s in self.segments)


def fetch(client: httpx.Client, url: str, **directives: int | str) -> Media:
    """With `msn`, `part`, `skip`."""
    answer = client.get(url, params={f"_HLS_{name}": value for name, value in directives.items()})
    return Media(url, answer.raise_for_status().text, answer.headers)


class Stream:
    """A broadcast as a player meets it."""

    def __init__(self, streamer: Streamer, client: httpx.Client) -> None:
        self.streamer = streamer
        self.client = client
        self.live = streamer.live or {}
        self.url: str = self.live["playlist"]
        self.master = m3u8.loads(client.get(self.url).raise_for_status().text, uri=self.url)
        self.renditions = {playlist.uri.partition("/")[0]: playlist.absolute_uri for playlist in self.master.playlists}

    def ask(self, name: str, query: str) -> httpx.Response:
        return self.client.get(f"{self.renditions[name]}?{query}")

    def media(self, name: str = "360p", **directives: int | str) -> Media:
        return fetch(self.client, self.renditions[name], **directives)

    def uncached(self, name: str) -> Media:
        """As the origin has it, behind the edge."""
        url = httpx.URL(self.renditions[name]).path
        return fetch(self.client, f"http://{self.streamer.site.env['ORIGIN_LISTEN']}{url}")

    def after(self, name: str, media: Media) -> Media:
        """The playlist with the part after `media`'s last."""
        msn, part = media.next_part
        return self.media(name, msn=msn, part=part)

    def begins(self, name: str = "source") -> Media:
        """Its playlist with the first part of its next segment, as soon as that is listed."""
        return self.media(name, msn=self.media(name).segments[-1].msn + 1, part=0)

    def with_segments(self, name: str, count: int = 2) -> Media:
        """Its playlist, once it lists that many complete segments with media."""
        media = self.media(name)
        while len(media.complete) < count:
            media = self.after(name, media)
        return media

    def conforming(self) -> dict[str, Media]:
        """Its playlists, which break none of these whatever is published (RFC 8216bis 4.4.3.1, 4.4.4.9, 4.4.4.3)."""
        found = {name: self.media(name) for name in self.renditions}
        eras: dict[int, set[int]] = {}
        for name, media in found.items():
            durations = [float(text) for text in re.findall(r"#EXTINF:([\d.]+)", media.text)]
            assert int(max(durations) + 0.5) <= media.target_s, f"{name}\n{media.text}"
            for segment in media.segments:
                eras.setdefault(segment.msn, set()).add(segment.era)
                if media.parsed.is_independent_segments and segment.parts:
                    assert segment.parts[0].independent, f"{name}\n{media.text}"
        assert len({media.target_s for media in found.values()}) == 1
        assert all(len(found) == 1 for found in eras.values()), eras
        return found

    def bytes(self, url: str) -> bytes:
        return self.client.get(url).raise_for_status().content


def segments(url: str, text: str) -> Iterator[Listed]:
    """Line by line, since m3u8 does not say which parts belong to the segment that is still open."""
    msn, era, init, gap, current = media_sequence(text), 0, "", False, None
    for line in text.splitlines():
        if line.startswith("#EXT-X-SKIP:"):
            msn += int(line.partition("=")[2])
        elif line.startswith("#EXT-X-DISCONTINUITY-SEQUENCE:"):
            era = int(line.partition(":")[2])
        elif line == "#EXT-X-DISCONTINUITY":
            era += 1
        elif line.startswith("#EXT-X-MAP:"):
            init = urljoin(url, attribute(line, "URI"))
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            current = Listed(msn, dt.datetime.fromisoformat(line.partition(":")[2]), init, era)
        elif line.startswith("#EXT-X-PART:") and "GAP=YES" not in line and current:
            current.parts.append(part(url, line))
        elif line.startswith("#EXTINF:") and current:
            current.duration = float(line[len("#EXTINF:") :].partition(",")[0])
        elif line == "#EXT-X-GAP":
            gap = True
        elif line and not line.startswith("#"):
            if current and not gap:
                current.url = urljoin(url, line)
                yield current
            msn, gap, current = msn + 1, False, None
    if current and current.parts:
        yield current


def part(url: str, line: str) -> Part:
    found = re.search(r"DURATION=([\d.]+)", line)
    assert found, line
    return Part(urljoin(url, attribute(line, "URI")), float(found[1]), "INDEPENDENT=YES" in line)


def attribute(line: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]+)"', line)
    assert found, line
    return found[1]
