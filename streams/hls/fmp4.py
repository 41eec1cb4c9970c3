"""Fragmented MP4: reads what ffmpeg writes for one track, writes the parts that viewers get.

Presentation time is always `tfdt` + composition offset: edit lists are taken out, so that copies and transcodes agree.
ISO/IEC 14496-12 (boxes), 14496-14 (esds), 14496-15 (avcC), RFC 6381 (codec names).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from struct import Struct, error, pack, unpack_from
from typing import Literal, NamedTuple

MAX_BOX = 32 * 1024 * 1024
MAX_SAMPLES = 4096

TRACK_ID = 1
KEY_FLAGS = 0x02000000
DELTA_FLAGS = 0x01010000
NON_SYNC = 0x00010000

# ISO/IEC 14496-3, table 1.19, where the layout's number is not the count
CHANNELS = {7: 8, 11: 7, 12: 8, 13: 24, 14: 8}

BOX = Struct(">I4s")
# moof, mfhd, traf, tfhd (default-base-is-moof, default flags), tfdt 1, trun 1 up to its table
PART_HEAD = Struct(">I4s I4sII I4s I4sIII I4sIQ I4sIII")

Data = bytes | bytearray
Span = tuple[int, int]


class Malformed(Exception):
    """The bytes are not a fragmented MP4 of one track."""


class Unsupported(Exception):
    """The track is neither H.264 nor AAC: `name` is its sample entry."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The track's codec is {name}; only H.264 (avc1) and AAC (mp4a) can be served.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Init:
    data: bytes
    kind: Literal["video", "audio"]
    codec: str
    timescale: int
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    bit_rate: int = 0  # as the publisher says; 0 where it does not


class Frame(NamedTuple):
    """One sample, times in ticks. An encoder's priming puts `dts` below 0; such a frame can be read but not written."""

    dts: int
    pts: int
    duration: int
    key: bool
    data: bytes


class Track(NamedTuple):
    init: Init
    duration: int
    size: int
    flags: int


def ms(ticks: int, timescale: int) -> float:
    return ticks * 1000 / timescale


class Reader:
    """Takes ffmpeg's bytes as they come. After an exception it is of no more use."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._ftyp = b""
        self._track: Track | None = None
        self._moof: tuple[bytes, int] | None = None

    def feed(self, chunk: bytes) -> list[Init | Frame]:
        self._buffer += chunk
        found: list[Init | Frame] = []
        at = 0
        try:
            while end := self._end(at):
                found += self._box(at, end)
                at = end
        except (error, IndexError):
            raise Malformed(f"The box at byte {self._position + at} ends too soon.") from None
        del self._buffer[:at]
        self._position += at
        return found

    def _end(self, at: int) -> int:
        """Where the box at `at` ends; 0 while it is incomplete."""
        if len(self._buffer) - at < BOX.size:
            return 0
        size: int = BOX.unpack_from(self._buffer, at)[0]
        if not BOX.size <= size <= MAX_BOX:
            raise Malformed(f"The box at byte {self._position + at} says that it is {size} bytes long.")
        return at + size if at + size <= len(self._buffer) else 0

    def _box(self, at: int, end: int) -> Sequence[Init | Frame]:
        kind = self._buffer[at + 4 : at + 8]
        if kind == b"moof":
            self._moof = bytes(self._buffer[at:end]), self._position + at
        elif kind == b"mdat":
            return self._frames(at + BOX.size, end)
        elif kind == b"ftyp":
            self._ftyp = bytes(self._buffer[at:end])
        elif kind == b"moov":
            self._track = read_track(self._ftyp, self._buffer[at:end])
            return [self._track.init]
        return []

    def _frames(self, start: int, end: int) -> list[Frame]:
        if not self._track or not self._moof:
            raise Malformed(f"The media at byte {self._position + start} has no header before it.")
        moof, position = self._moof
        self._moof = None
        payload = bytes(memoryview(self._buffer)[start:end])
        return read_fragment(self._track, moof, payload, self._position + start - position)


def boxes(data: Data, span: Span) -> Iterator[tuple[bytes, Span]]:
    """The boxes side by side in `span`, each with the span of its body."""
    at, end = span
    while at < end:
        size, kind = BOX.unpack_from(data, at)
        if size < BOX.size or at + size > end:
            raise Malformed(f"A box says that it is {size} bytes long where {end - at} are left.")
        yield kind, (at + BOX.size, at + size)
        at += size


def descend(data: Data, span: Span, *path: bytes) -> Span:
    """The body at the end of `path`; each step must exist exactly once."""
    for step in path:
        found = [body for kind, body in boxes(data, span) if kind == step]
        if len(found) != 1:
            raise Malformed(f"There are {len(found)} {step.decode()} boxes where one was expected.")
        span = found[0]
    return span


def read_track(ftyp: bytes, moov: bytearray) -> Track:
    whole = (BOX.size, len(moov))
    trex, _ = descend(moov, whole, b"mvex", b"trex")
    trak = descend(moov, whole, b"trak")
    media = descend(moov, trak, b"mdia")
    mdhd, _ = descend(moov, media, b"mdhd")
    (timescale,) = unpack_from(">I", moov, mdhd + (20 if moov[mdhd] else 12))
    track_id, _, duration, size, flags = unpack_from(">5I", moov, trex + 4)
    if track_id != TRACK_ID or not timescale:
        raise Malformed(f"The track has the number {track_id} and {timescale} ticks per second.")
    entries, end = descend(moov, media, b"minf", b"stbl", b"stsd")
    entry, body = next(boxes(moov, (entries + 8, end)), (b"nothing", (0, 0)))
    hide_edits(moov, trak)
    data = ftyp + moov
    if entry == b"avc1":
        return Track(read_video(data, moov, body, timescale), duration, size, flags)
    if entry == b"mp4a":
        return Track(read_audio(data, moov, body, timescale), duration, size, flags)
    raise Unsupported(entry.decode("ascii", "backslashreplace"))


def hide_edits(moov: bytearray, trak: Span) -> None:
    """An edit list would move this rendition against the others. Named `free`, it is skipped, and no size changes."""
    for kind, (start, _) in boxes(moov, trak):
        if kind == b"edts":
            moov[start - 4 : start] = b"free"


def read_video(data: bytes, moov: bytearray, entry: Span, timescale: int) -> Init:
    start, end = entry
    width, height = unpack_from(">HH", moov, start + 24)
    avcc, _ = descend(moov, (start + 78, end), b"avcC")
    profile, constraints, level = unpack_from(">3B", moov, avcc + 1)
    codec = f"avc1.{profile:02X}{constraints:02X}{level:02X}"
    return Init(data, "video", codec, timescale, width=width, height=height)


def read_audio(data: bytes, moov: bytearray, entry: Span, timescale: int) -> Init:
    start, end = entry
    (rate,) = unpack_from(">H", moov, start + 24)
    esds, end = descend(moov, (start + 28, end), b"esds")
    decoder = decoder_config(moov[esds + 4 : end])
    kind, channels = read_aac_config(descriptor(decoder[13:], 5))
    (bit_rate,) = unpack_from(">I", decoder, 5)
    # the field has 16 bits, too few for 96 kHz; ffmpeg's ticks are samples
    rate = rate or timescale
    return Init(data, "audio", f"mp4a.40.{kind}", timescale, sample_rate=rate, channels=channels, bit_rate=bit_rate)


def decoder_config(esds: bytearray) -> bytearray:
    """ES_Descriptor (3) → DecoderConfigDescriptor (4)."""
    body = descriptor(descriptor(esds, 3)[3:], 4)
    if body[0] != 0x40:
        raise Unsupported(f"mp4a.{body[0]:02X}")
    return body


def descriptor(data: bytearray, tag: int) -> bytearray:
    if data[0] != tag:
        raise Malformed(f"The audio configuration has descriptor {data[0]} in the place of {tag}.")
    size, at = 0, 1
    while data[at] & 0x80 and at < 4:
        size = size << 7 | data[at] & 0x7F
        at += 1
    size = size << 7 | data[at] & 0x7F
    return data[at + 1 : at + 1 + size]


def read_aac_config(config: bytearray) -> tuple[int, int]:
    """Object type, and channels (0 where it does not say); the sample entry's own count of channels is always 2."""
    bits = int.from_bytes(config[:8].ljust(8, b"\0"), "big")
    left = 64 - 5
    kind = bits >> left
    if kind == 31:
        left -= 6
        kind = 32 + (bits >> left & 0x3F)
    left -= 4
    if bits >> left & 0xF == 0xF:
        left -= 24
    if not kind:
        raise Malformed("The audio configuration names no codec.")
    layout = bits >> left - 4 & 0xF
    return kind, CHANNELS.get(layout, layout)


def read_fragment(track: Track, moof: bytes, payload: bytes, distance: int) -> list[Frame]:
    """The fragment's frames; `payload` begins `distance` bytes after the moof."""
    frames: list[Frame] = []
    dts: int | None = None
    offset, used = -distance, 0
    for kind, (start, end) in boxes(moof, descend(moof, (BOX.size, len(moof)), b"traf")):
        if kind == b"tfhd":
            track = override(track, moof, start)
        elif kind == b"tfdt":
            (dts,) = unpack_from(">q" if moof[start] else ">I", moof, start + 4)
        elif kind == b"trun":
            if dts is None:
                raise Malformed("A fragment does not say when it begins.")
            if moof[start + 3] & 0x1:
                offset = unpack_from(">i", moof, start + 8)[0] - distance
            for duration, size, flags, shift in read_run(track, moof, start, end):
                if not 0 < size <= len(payload) - offset or offset < used or len(frames) == MAX_SAMPLES:
                    raise Malformed("A fragment's samples do not fit its media.")
                used = offset + size
                key = track.init.kind == "audio" or not flags & NON_SYNC
                frames.append(Frame(dts, dts + shift, duration, key, payload[offset:used]))
                dts, offset = dts + duration, used
    return frames


def override(track: Track, moof: bytes, tfhd: int) -> Track:
    """The track's defaults with those of this fragment."""
    flags, track_id = unpack_from(">II", moof, tfhd)
    if track_id != TRACK_ID or flags & 0x1:
        raise Malformed(f"A fragment belongs to track {track_id}, or counts its bytes from the start of the file.")
    at = tfhd + (12 if flags & 0x2 else 8)
    values = [track.duration, track.size, track.flags]
    for number in range(3):
        if flags & 0x8 << number:
            (values[number],) = unpack_from(">I", moof, at)
            at += 4
    return Track(track.init, *values)


def read_run(track: Track, moof: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Duration, size, flags and composition offset of each sample."""
    version, present, count = moof[start], *unpack_from(">II", moof, start)
    at = start + 8 + (4 if present & 0x1 else 0)
    first = track.flags
    if present & 0x4:
        (first,) = unpack_from(">I", moof, at)
        at += 4
    row = run_row(present & 0xF00, version)
    if at + count * row.size > end:
        raise Malformed(f"A fragment counts {count} samples but does not list them.")
    for number in range(count):
        values = iter(row.unpack_from(moof, at))
        duration = next(values) if present & 0x100 else track.duration
        size = next(values) if present & 0x200 else track.size
        flags = next(values) if present & 0x400 else track.flags if number else first
        yield duration, size, flags, next(values) if present & 0x800 else 0
        at += row.size


@cache
def run_row(present: int, version: int) -> Struct:
    unsigned = (present & 0x700).bit_count()
    return Struct(">" + "I" * unsigned + ("i" if version else "I") * bool(present & 0x800))


def part(frames: Sequence[Frame], sequence: int) -> bytes:
    """One moof and one mdat with these frames, each of which begins where the one before ends."""
    media = b"".join([frame.data for frame in frames])
    present, table = sample_table(frames)
    size = PART_HEAD.size + len(table)
    head = PART_HEAD.pack(
        *(size, b"moof", 16, b"mfhd", 0, sequence, size - 24, b"traf"),
        *(20, b"tfhd", 0x020020, TRACK_ID, KEY_FLAGS),
        *(20, b"tfdt", 0x01000000, frames[0].dts),
        *(20 + len(table), b"trun", present, len(frames), size + BOX.size),
    )
    return b"".join((head, table, BOX.pack(BOX.size + len(media), b"mdat"), media))


def sample_table(frames: Sequence[Frame]) -> tuple[int, bytes]:
    """Version and flags of the trun, and its rows; sound needs only half of each row, which saves 3 % of its bandwidth."""
    row: list[int] = []
    if all(frame.key and frame.pts == frame.dts for frame in frames):
        for _, _, duration, _, data in frames:
            row += duration, len(data)
        return 0x00000301, pack(f">{len(row)}I", *row)
    for dts, pts, duration, key, data in frames:
        row += duration, len(data), KEY_FLAGS if key else DELTA_FLAGS, pts - dts
    return 0x01000F01, pack(">" + "IIIi" * len(frames), *row)
