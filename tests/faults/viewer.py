"""A player that also fetches what its playlist lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.e2e.playlists import Media
from tests.faults.probe import PATIENCE_S, Probe


@dataclass
class Viewer(Probe):
    fetched: int = 0
    empty: list[str] = field(default_factory=list)
    missing: Counter[int] = field(default_factory=Counter)  # statuses other than 200
    seen: set[str] = field(default_factory=set)

    def look(self, media: Media, now: float) -> None:
        super().look(media, now)
        newest = media.segments[-2:]
        listed = {part.url for segment in newest for part in segment.parts} | {each.url for each in newest if each.url}
        for url in sorted(listed - self.seen):
            self._fetch(url)
        self.seen |= listed

    def _fetch(self, url: str) -> None:
        try:
            answer = httpx.get(url, timeout=PATIENCE_S)
        except httpx.TransportError as error:
            self.refusals[type(error).__name__] += 1
            return
        if answer.status_code != 200:
            self.missing[answer.status_code] += 1
        elif answer.content:
            self.fetched += 1
        else:
            self.empty.append(url)
