"""What a player makes of a delta update (RFC 8216bis 6.3.7)."""

from __future__ import annotations

from typing import NamedTuple


def merged(before: str, delta: str) -> str:
    """The playlist that `delta` stands for, given the one `before` it."""
    head, found, tail = delta.partition("#EXT-X-SKIP:SKIPPED-SEGMENTS=")
    if not found:
        return delta
    count, _, rest = tail.partition("\n")
    known, first = by_number(before), media_sequence(delta)
    skipped = [known[msn] for msn in range(first, first + int(count))]
    init = "" if skipped[0].init in skipped[0].lines else skipped[0].init
    return head + init + "".join(segment.lines for segment in skipped) + rest


class Segment(NamedTuple):
    lines: str
    init: str  # the tag of its init section, which may stand before an earlier segment


def by_number(text: str) -> dict[int, Segment]:
    """The lines of each whole segment, without its parts; the tags of the head are nobody's."""
    lines = text.splitlines(keepends=True)
    start = 1 + max(index for index, line in enumerate(lines) if line.startswith("#EXT-X-DISCONTINUITY-SEQUENCE:"))
    segments, current, init, msn = {}, "", "", media_sequence(text)
    for line in lines[start:]:
        if line.startswith("#EXT-X-MAP:"):
            init = line
        if not line.startswith("#EXT-X-PART:"):
            current += line
        if not line.startswith("#"):
            segments[msn], current, msn = Segment(current, init), "", msn + 1
    return segments


def media_sequence(text: str) -> int:
    return int(text.partition("#EXT-X-MEDIA-SEQUENCE:")[2].partition("\n")[0])
