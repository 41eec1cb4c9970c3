"""Playlists as text (RFC 8216bis), and the questions that players ask about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.hls.timeline import Segment, Timeline

CONTENT_TYPE = "application/vnd.apple.mpegurl"
MAX_AHEAD = 2  # segments: RFC 8216bis 6.2.5.2
PARTS_LISTED_TARGETS = 3  # target durations: parts further back are dropped from the list
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
    part: int | None


def parse_query(query: Mapping[str, str]) -> Want | None:
    """Read `_HLS_msn` and `_HLS_part`. Raises BadQuery."""
    msn, part = query.get("_HLS_msn"), query.get("_HLS_part")
    if msn is None:
        if part is not None:
            raise BadQuery("_HLS_part needs _HLS_msn")
        return None
    return Want(_number("_HLS_msn", msn), None if part is None else _number("_HLS_part", part))


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadQuery(f"{name} must be a whole number")
    return int(text)


def check_ahead(want: Want, timeline: Timeline, constants: Constants) -> None:
    """Refuse what is too far in the future to wait for. Raises BadQuery."""
    if timeline.ended:
        return
    if want.msn > timeline.last_msn + MAX_AHEAD:
        raise BadQuery(f"_HLS_msn is more than {MAX_AHEAD} segments ahead")
    if want.part is not None and want.part > 3 / constants.part_s + constants.target_s / constants.part_s:
        raise BadQuery("_HLS_part is beyond any segment")


def master(variants: Sequence[Variant]) -> str:
    audio = next((v for v in variants if not v.width), None)
    lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio:
        channels = f',CHANNELS="{audio.channels}"' if audio.channels else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO_GROUP}",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES{channels},'
            f'URI="{audio.name}/playlist.m3u8"'
        )
    for variant in sorted((v for v in variants if v.width), key=lambda v: -v.bandwidth):
        codecs, bandwidth, group = variant.codec, variant.bandwidth, ""
        if audio:
            codecs, bandwidth, group = f"{codecs},{audio.codec}", bandwidth + audio.bandwidth, f',AUDIO="{AUDIO_GROUP}"'
        rate = f"FRAME-RATE={variant.fps:.3f}," if variant.fps else ""
        lines.append(
            f'#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},CODECS="{codecs}",RESOLUTION={variant.width}x{variant.height},'
            f'{rate}NAME="{variant.name}"{group}'
        )
        lines.append(f"{variant.name}/playlist.m3u8")
    return "\n".join(lines) + "\n"


def media(timeline: Timeline, constants: Constants) -> str:
    first = timeline.segments[0]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        f"#EXT-X-TARGETDURATION:{constants.target_s}",
        f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={constants.hold_back_s:g}",
        f"#EXT-X-PART-INF:PART-TARGET={constants.part_s:g}",
        f"#EXT-X-MEDIA-SEQUENCE:{first.msn}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{first.era}",
    ]
    parts_from = _parts_from(timeline, constants)
    era, init = first.era, None
    for segment in timeline.segments:
        if segment.era != era:
            era, init = segment.era, None
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.init is not None and segment.init != init:
            init = segment.init
            lines.append(f'#EXT-X-MAP:URI="i{init}.mp4"')
        lines += _segment(segment, with_parts=segment.msn >= parts_from, constants=constants)
    if timeline.ended:
        lines.append("#EXT-X-ENDLIST")
    elif timeline.hint:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p{timeline.hint}.mp4"')
    return "\n".join(lines) + "\n"


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
