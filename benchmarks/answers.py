"""What a viewer reads in a playlist: what to ask for next. Pure, and no more than that, since it is read very often."""

from __future__ import annotations

import re
from typing import NamedTuple

SEQUENCE = re.compile(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)", re.M)
SKIPPED = re.compile(r"^#EXT-X-SKIP:.*SKIPPED-SEGMENTS=(\d+)", re.M)
PART = re.compile(r'^#EXT-X-PART:.*URI="([^"]+)"')
CAN_SKIP = "CAN-SKIP-UNTIL="


class Listed(NamedTuple):
    msn: int  # of the part that comes next
    part: int
    parts: list[tuple[int, int, str]]  # those listed: number of the segment, of the part, and name
    can_skip: bool
    ended: bool

    def query(self) -> str:
        """For the list that has the next part."""
        return f"?_HLS_msn={self.msn}&_HLS_part={self.part}" + ("&_HLS_skip=YES" if self.can_skip else "")

    def since(self, msn: int, part: int) -> list[str]:
        """The names of the parts from that one on."""
        return [name for *place, name in self.parts if tuple(place) >= (msn, part)]


def read(text: str) -> Listed:
    first, skipped = SEQUENCE.search(text), SKIPPED.search(text)
    assert first, text
    msn, part = int(first[1]) + (int(skipped[1]) if skipped else 0), 0
    parts = []
    for line in text.splitlines():
        if line.startswith("#EXT-X-PART:"):
            found = PART.match(line)
            if found and "GAP=YES" not in line:
                parts.append((msn, part, found[1]))
            part += 1
        elif line and not line.startswith("#"):
            msn, part = msn + 1, 0
    return Listed(msn, part, parts, CAN_SKIP in text, "#EXT-X-ENDLIST" in text)
