"""Playlists as text (RFC 8216bis), and the questions that players ask about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from streams.hls.timeline import Segment, Timeline

CONTENT_TYPE = "application/vnd.apple.mpegurl"
MAX_AHEAD = 2  # segments: RFC 8216bis 6.2.5.2
PARTS_LISTED_TARGETS = 3  # target durations: parts further back are dropped from the list
SKIP_TARGETS = 6  # target durations before the end that a delta update must list: RFC 8216bis 4.4.3.8
SKIPS = ("YES", "v2")  # there are no date ranges that v2 would skip besides
AUDIO_GROUP = "audio"


class BadQuery(ValueError):
    """Delivery directives that no player would send."""


@dataclass(frozen=True, slots=True)
class Constants:
    """What must not change while a broadcast lasts. Seconds."""

    target_s: int
    part_s: float

    @property
    def hold_back_s(self) -> float:
        return round(self.part_s * 3, 3)

    @property
    def skip_until_s(self) -> int:
        return self.target_s * SKIP_TARGETS

    @property
    def parts_ahead(self) -> int:
        """The Advance Part Limit (RFC 8216bis 6.2.5.2)."""
        return ceil(3 / min(self.part_s, 1))


@dataclass(frozen=True, slots=True)
class Variant:
    """A rendition as the multivariant playlist lists it; width 0 is audio."""

    name: str
    codec: str
    bandwidth: int  # bits per second, peak
    width: int = 0
    height: int = 0
    fps: float = 0  # 0: not known
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Want:
    """The segment (and part) that a blocking request waits for."""

    msn: int
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Directives:
    """What a request for a playlist asks for besides: RFC 8216bis 6.2.5."""

    want: Want | None = None
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """How far another rendition has got."""

    name: str
    msn: int
    part: int


def parse_query(query: Mapping[str, str]) -> Directives:
    """Read `_HLS_msn`, `_HLS_part` and `_HLS_skip`. Raises BadQuery."""
    msn, part, skip = (query.get(f"_HLS_{name}") for name in ("msn", "part", "skip"))
    if skip is not None and skip not in SKIPS:
        raise BadQuery("_HLS_skip must be YES or v2")
    if msn is None:
        if part is not None:
            raise BadQuery("_HLS_part needs _HLS_msn")
        return Directives(None, skip is not None)
    want = Want(_number("_HLS_msn", msn), None if part is None else _number("_HLS_part", part))
    return Directives(want, skip is not None)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadQuery(f"{name} must be a whole number")
    return int(text)


def check_ahead(want: Want, timeline: Timeline, constants: Constants) -> None:
    """Refuse what is too far in the future to wait for (RFC 8216bis 6.2.5.2). Raises BadQuery."""
    if timeline.ended or want.msn < timeline.last_msn:
        return
    if want.msn > timeline.last_msn + MAX_AHEAD:
        raise BadQuery(f"_HLS_msn is more than {MAX_AHEAD} segments ahead")
    listed = timeline.last_part if want.msn == timeline.last_msn else -1
    if want.part is not None and want.part > listed + constants.parts_ahead:
        raise BadQuery(f"_HLS_part is more than {constants.parts_ahead} parts ahead")


def master(variants: Sequence[Variant]) -> str:
    audio = next((v for v in variants if not v.width), None)
    lines = ["#EXTM3U", "#EXT-X-VERSION:9"]
    if audio:
        channels = f',CHANNELS="{audio.channels}"' if audio.channels else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO_GROUP}",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES{channels},'
            f'URI="{audio.name}/playlist.m3u8"'
        )
    for variant in sorted((v for v in variants if v.width), key=lambda v: -v.bandwidth):
        lines += _variant(variant, audio)
    if audio:  # for those who only listen
        lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH={audio.bandwidth},CODECS="{audio.codec}",AUDIO="{AUDIO_GROUP}"')
        lines.append(f"{audio.name}/playlist.m3u8")
    return "\n".join(lines) + "\n"


def _variant(variant: Variant, audio: Variant | None) -> list[str]:
    codecs, bandwidth, group = variant.codec, variant.bandwidth, ""
    if audio:
        codecs, bandwidth, group = f"{codecs},{audio.codec}", bandwidth + audio.bandwidth, f',AUDIO="{AUDIO_GROUP}"'
    rate = f"FRAME-RATE={variant.fps:.3f}," if variant.fps else ""
    facts = f'CODECS="{codecs}",RESOLUTION={variant.width}x{variant.height},{rate}NAME="{variant.name}"{group}'
    return [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},{facts}", f"{variant.name}/playlist.m3u8"]


def media(timeline: Timeline, constants: Constants, reports: Iterable[Report] = (), skip: bool = False) -> str:
    """The playlist, or with `skip` its delta update where there is something to skip (RFC 8216bis 6.2.5.1)."""
    first = timeline.segments[0]
    skipped = _skippable(timeline, constants) if skip else 0
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        *(["#EXT-X-INDEPENDENT-SEGMENTS"] if timeline.independent else []),
        f"#EXT-X-TARGETDURATION:{constants.target_s}",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,"
        f"CAN-SKIP-UNTIL={constants.skip_until_s},PART-HOLD-BACK={constants.hold_back_s:g}",
        f"#EXT-X-PART-INF:PART-TARGET={constants.part_s:g}",
        f"#EXT-X-MEDIA-SEQUENCE:{first.msn}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{first.era}",
    ]
    if skipped:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
    for segment in list(_segments(timeline, constants))[skipped:]:
        lines += segment
    if timeline.ended:
        lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"
    lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p{timeline.hint}.mp4"')
    lines += [_report(report) for report in reports]
    return "\n".join(lines) + "\n"


def _report(report: Report) -> str:
    return f'#EXT-X-RENDITION-REPORT:URI="../{report.name}/playlist.m3u8",LAST-MSN={report.msn},LAST-PART={report.part}'


def _skippable(timeline: Timeline, constants: Constants) -> int:
    """How many segments end before the skip boundary; a stream that is over is given whole."""
    if timeline.ended:
        return 0
    listed_ms = 0.0
    for index in range(len(timeline.segments) - 1, -1, -1):
        if listed_ms >= constants.skip_until_s * 1000:
            return index + 1
        listed_ms += timeline.segments[index].duration_ms
    return 0


def _segments(timeline: Timeline, constants: Constants) -> Iterable[list[str]]:
    """The lines of each segment, with the tags that stand before it."""
    parts_from = _parts_from(timeline, constants)
    era, init = timeline.segments[0].era, None
    for segment in timeline.segments:
        lines = []
        if segment.era != era:
            lines += ["#EXT-X-DISCONTINUITY"] * (segment.era - era)  # other renditions may list the eras between
            era, init = segment.era, None
        if segment.init is not None and segment.init != init:
            init = segment.init
            lines.append(f'#EXT-X-MAP:URI="i{init}.mp4"')
        yield lines + _segment(segment, segment.msn >= parts_from, constants)


def _parts_from(timeline: Timeline, constants: Constants) -> int:
    """The first media sequence number whose parts are still listed."""
    if timeline.ended:
        return timeline.last_msn + 1
    listed_ms = 0.0
    for segment in reversed(timeline.segments):
        listed_ms += segment.duration_ms
        if listed_ms > PARTS_LISTED_TARGETS * constants.target_s * 1000:
            return segment.msn
    return timeline.segments[0].msn


def _segment(segment: Segment, with_parts: bool, constants: Constants) -> list[str]:
    lines = [f"#EXT-X-PROGRAM-DATE-TIME:{_date(segment.at_ms)}"]
    if segment.init is None:
        # players load parts only where an earlier segment of the list has some, if only missing ones
        if with_parts:
            lines.append(f'#EXT-X-PART:DURATION={constants.part_s:g},URI="gap.mp4",GAP=YES')
        return [*lines, "#EXT-X-GAP", f"#EXTINF:{segment.duration_ms / 1000:.5f},", "gap.mp4"]
    if with_parts:
        for part in segment.parts:
            independent = ",INDEPENDENT=YES" if part.independent else ""
            lines.append(f'#EXT-X-PART:DURATION={part.duration_ms / 1000:.5f},URI="p{part.name}.mp4"{independent}')
    if segment.complete:
        lines += [f"#EXTINF:{segment.duration_ms / 1000:.5f},", f"s{segment.msn}.mp4"]
    return lines


def _date(unix_ms: int) -> str:
    date = dt.datetime.fromtimestamp(unix_ms / 1000, tz=dt.UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")
