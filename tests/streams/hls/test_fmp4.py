"""Everything here is read from, or checked by, the real ffmpeg; a publisher's stamps begin at 16.768 s, as in mid-stream."""

import io
import subprocess
from itertools import pairwise
from pathlib import Path
from struct import pack, unpack_from

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.hls.fmp4 import Frame, Init, Malformed, Reader, Unsupported, ms, part, read_aac_config

VIDEO = "-f lavfi -i testsrc2=s=160x90:r=30:d=2"
SOUND = "-f lavfi -i sine=r=48000:d=2"
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 30"
STEADY = "-fps_mode passthrough -enc_time_base -1 -force_key_frames source -forced-idr 1 -g 60 -sc_threshold 0"
LIVE = f"-c:v libx264 -preset veryfast -tune zerolatency {STEADY}"
FLAGS = "+empty_moov+default_base_moof+frag_discont+skip_trailer"
STAMPS = "-avoid_negative_ts disabled -use_editlist 0"
MUXER = f"-f mp4 -movflags {FLAGS}+frag_every_frame {STAMPS} pipe:1"


def run(program: str, arguments: str, *files: Path, stdin: bytes = b"") -> bytes:
    command = [program, "-v", "error", *(str(files[int(a[1])]) if a in ("@0", "@1") else a for a in arguments.split())]
    result = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
    return result.stdout


def ffmpeg(arguments: str, *files: Path) -> bytes:
    return run("ffmpeg", f"-nostdin -y {arguments}", *files)


def packets(data: bytes, kind: str = "v") -> list[tuple[float, float, bool]]:
    """(pts, dts, key) in seconds, as ffprobe sees them."""
    entries = f"-select_streams {kind} -show_entries packet=pts_time,dts_time,flags -of csv=p=0 -i pipe:0"
    rows = (line.split(",") for line in run("ffprobe", entries, stdin=data).decode().split())
    return [(float(pts), float(dts), "K" in flags) for pts, dts, flags, *_ in rows]


def read(data: bytes) -> tuple[Init, list[Frame]]:
    init, *frames = Reader().feed(data)
    assert isinstance(init, Init)
    return init, [frame for frame in frames if isinstance(frame, Frame)]


def seconds(init: Init, frames: list[Frame]) -> list[tuple[float, float, bool]]:
    return [(round(f.pts / init.timescale, 6), round(f.dts / init.timescale, 6), f.key) for f in frames]


def repack(init: Init, frames: list[Frame], count: int) -> bytes:
    starts = range(0, len(frames), count)
    return init.data + b"".join(part(frames[n : n + count], number) for number, n in enumerate(starts))


def splits(data: bytes) -> list[tuple[bytes, bytes]]:
    """The top-level boxes: kind and bytes."""
    found, at = [], 0
    while at < len(data):
        size, kind = unpack_from(">I4s", data, at)
        found.append((kind, data[at : at + size]))
        at += size
    return found


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What OBS sends by default: B-frames, a keyframe every second, AAC."""
    path = tmp_path_factory.mktemp("flv") / "publisher.flv"
    ffmpeg(f"{VIDEO} {SOUND} {X264} -bf 2 -c:a aac -output_ts_offset 16.768 -f flv @0", path)
    return path


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variable frame rate with half a second of nothing."""
    path = tmp_path_factory.mktemp("flv") / "uneven.flv"
    dropped = "select='not(between(n,20,35))*not(eq(mod(n,7),3))'"
    ffmpeg(f"{VIDEO} -vf {dropped} -fps_mode vfr {X264} -bf 2 -output_ts_offset 5 -f flv @0", path)
    return path


@pytest.fixture(scope="module")
def copied(publisher: Path) -> bytes:
    return ffmpeg(f"-copyts -i @0 -map 0:v -c copy {MUXER}", publisher)


@pytest.fixture(scope="module")
def transcoded(publisher: Path) -> bytes:
    return ffmpeg(f"-copyts -i @0 -map 0:v {LIVE} {MUXER}", publisher)


@pytest.fixture(scope="module")
def sound(publisher: Path) -> bytes:
    return ffmpeg(f"-copyts -i @0 -map 0:a -c copy {MUXER}", publisher)


def test_it_reads_a_video_track(copied: bytes) -> None:
    init, frames = read(copied)
    assert (init.kind, init.codec, init.width, init.height) == ("video", "avc1.64000B", 160, 90)
    assert (init.sample_rate, init.channels) == (0, 0)
    assert [kind for kind, _ in splits(init.data)] == [b"ftyp", b"moov"]
    assert copied.startswith(init.data)
    assert len(frames) == 60
    assert [n for n, frame in enumerate(frames) if frame.key] == [0, 30]


def test_it_reads_an_audio_track(sound: bytes) -> None:
    init, frames = read(sound)
    assert (init.kind, init.codec, init.timescale, init.sample_rate) == ("audio", "mp4a.40.2", 48000, 48000)
    assert (init.channels, init.width, init.height) == (1, 0, 0)
    assert all(frame.key and frame.pts == frame.dts for frame in frames)


@pytest.mark.parametrize(
    ("profile", "codec"), [("baseline", "avc1.42C00B"), ("main", "avc1.4D400B"), ("high422 -pix_fmt yuv422p", "avc1.7A000B")]
)
def test_it_names_the_profile_and_the_level(profile: str, codec: str) -> None:
    init, _ = read(ffmpeg(f"{VIDEO} {X264} -frames:v 3 -profile:v {profile} {MUXER}"))
    assert init.codec == codec


@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 44100), (6, 48000), (8, 48000), (2, 96000), (1, 8000)])
def test_it_names_the_channels_and_the_rate_of_sound(channels: int, rate: int) -> None:
    init, frames = read(ffmpeg(f"{SOUND} -c:a aac -ac {channels} -ar {rate} -output_ts_offset 7 {MUXER}"))
    assert (init.channels, init.sample_rate, init.timescale) == (channels, rate, rate)
    assert frames[0].duration == 1024


@pytest.mark.parametrize("size", ["16x16", "18x34", "64x36"])
def test_it_reads_tiny_pictures(size: str) -> None:
    made = ffmpeg(f"-f lavfi -i testsrc2=s={size}:r=25:d=1 {X264} -output_ts_offset 3 {MUXER}")
    init, frames = read(made)
    assert f"{init.width}x{init.height}" == size
    assert packets(repack(init, frames, 7)) == packets(made)


@pytest.mark.parametrize(("config", "expected"), [
    ("1190", (2, 2)),
    ("1208", (2, 1)),
    ("11b8", (2, 8)),
    ("1180", (2, 0)),
    ("2b92080000", (5, 2)),
    ("17800bb810", (2, 2)),
    ("f948 40", (42, 2)),
])  # fmt: skip
def test_it_reads_audio_configurations(config: str, expected: tuple[int, int]) -> None:
    assert read_aac_config(bytearray.fromhex(config)) == expected


def test_a_copy_keeps_the_publishers_times(publisher: Path, copied: bytes) -> None:
    times = seconds(*read(copied))
    assert times[0] == (16.768, 16.701, True)
    assert times == packets(publisher.read_bytes())


def test_copied_sound_keeps_the_publishers_times(publisher: Path, sound: bytes) -> None:
    for ours, theirs in zip(seconds(*read(sound)), packets(publisher.read_bytes(), "a"), strict=True):
        assert ours[0] == pytest.approx(theirs[0], abs=0.0006)


def test_copy_and_transcode_show_each_frame_at_the_same_time(copied: bytes, transcoded: bytes) -> None:
    copy, transcode = seconds(*read(copied)), seconds(*read(transcoded))
    assert sorted(pts for pts, _, _ in copy) == [pts for pts, _, _ in transcode]
    assert [pts for pts, _, key in copy if key] == [pts for pts, _, key in transcode if key] == [16.768, 17.768]


def test_it_reads_the_priming_of_encoded_sound_as_time_below_zero() -> None:
    _, frames = read(ffmpeg(f"{SOUND} -c:a aac {MUXER}"))
    assert [frame.dts for frame in frames[:3]] == [-1024, 0, 1024]


def test_it_takes_edit_lists_out(publisher: Path) -> None:
    made = ffmpeg(f"-copyts -i @0 -map 0:v -c copy -f mp4 -movflags {FLAGS}+frag_every_frame+delay_moov pipe:1", publisher)
    init, frames = read(made)
    assert b"edts" in made
    assert b"edts" not in init.data
    assert packets(repack(init, frames, 10)) == seconds(init, frames)
    assert packets(made) != seconds(init, frames)


@pytest.mark.parametrize("name", ["publisher", "uneven"])
def test_each_frame_lasts_until_the_next(name: str, request: pytest.FixtureRequest) -> None:
    init, frames = read(ffmpeg(f"-copyts -i @0 -map 0:v -c copy {MUXER}", request.getfixturevalue(name)))
    assert all(frame.dts + frame.duration == after.dts for frame, after in pairwise(frames))
    assert 30 <= ms(frames[-1].duration, init.timescale) <= 34
    assert max(ms(frame.duration, init.timescale) for frame in frames) == pytest.approx(
        567 if name == "uneven" else 33.5, abs=1
    )


@pytest.mark.parametrize("name", ["copied", "transcoded", "sound"])
@pytest.mark.parametrize("count", [1, 10, 1000])
def test_parts_hold_what_was_read(name: str, count: int, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(name)
    init, frames = read(made)
    served = repack(init, frames, count)
    assert read(served) == (init, frames)
    assert packets(served, "v" if init.kind == "video" else "a") == packets(made, "v" if init.kind == "video" else "a")


@pytest.mark.parametrize("name", ["copied", "transcoded", "sound"])
def test_parts_decode_without_an_error(name: str, request: pytest.FixtureRequest) -> None:
    init, frames = read(request.getfixturevalue(name))
    served = repack(init, frames, 10)
    run("ffmpeg", "-xerror -i pipe:0 -f null -", stdin=served)
    with av.open(io.BytesIO(served), mode="r") as container:
        decoded = [frame.pts for frame in container.decode(container.streams[0])]
    assert decoded == sorted(frame.pts for frame in frames)


def test_a_stream_can_be_joined_at_any_part_with_a_keyframe(copied: bytes) -> None:
    init, frames = read(copied)
    late = packets(repack(init, frames[30:], 10))
    assert late == seconds(init, frames[30:])


def test_a_part_is_one_fragment_with_its_number(sound: bytes) -> None:
    _, frames = read(sound)
    made = part(frames[:15], 4711)
    (first, moof), (second, mdat) = splits(made)
    assert (first, second) == (b"moof", b"mdat")
    assert unpack_from(">I", moof, 20) == (4711,)
    assert mdat[8:] == b"".join(frame.data for frame in frames[:15])
    assert len(moof) == 92 + 15 * 8


def test_fragments_of_several_frames_give_the_same_frames(publisher: Path, copied: bytes) -> None:
    several = ffmpeg(f"-copyts -i @0 -map 0:v -c copy -f mp4 -movflags {FLAGS}+frag_keyframe {STAMPS} pipe:1", publisher)
    assert [kind for kind, _ in splits(several)].count(b"moof") == 2
    assert read(several)[1] == read(copied)[1]


def test_it_skips_boxes_that_it_does_not_know(copied: bytes) -> None:
    unknown = b"".join(
        pack(">I4s", 8 + size, kind) + b"x" * size for kind, size in ((b"free", 0), (b"styp", 16), (b"sidx", 5000))
    )
    parts = [box if kind == b"mdat" else unknown + box for kind, box in splits(copied)]
    assert read(b"".join(parts) + unknown) == read(copied)


def test_it_waits_for_the_rest_of_a_box(copied: bytes) -> None:
    reader = Reader()
    assert len(reader.feed(copied[:-1])) == 60
    assert reader.feed(b"") == []
    assert reader.feed(copied[-1:]) == read(copied)[1][-1:]


@given(cuts=st.lists(st.integers(0, 90_000)))
@settings(max_examples=60, deadline=None)
def test_any_chunking_gives_the_same_frames(copied: bytes, cuts: list[int]) -> None:
    reader, edges = Reader(), [0, *sorted(cuts), len(copied)]
    found = [item for start, end in pairwise(edges) for item in reader.feed(copied[start:end])]
    assert found[1:] == read(copied)[1]


def test_single_bytes_give_the_same_frames(sound: bytes) -> None:
    reader = Reader()
    assert [item for byte in sound for item in reader.feed(bytes([byte]))] == Reader().feed(sound)


@st.composite
def runs(draw: st.DrawFn, audio: bool) -> list[Frame]:
    dts = draw(st.integers(0, 2**62))
    frames = []
    for _ in range(draw(st.integers(1, 12))):
        duration, data = draw(st.integers(0, 2**32 - 1)), draw(st.binary(min_size=1, max_size=40))
        shift = 0 if audio else draw(st.integers(-(2**31), 2**31 - 1))
        frames.append(Frame(dts, dts + shift, duration, audio or draw(st.booleans()), data))
        dts += duration
    return frames


@given(frames=runs(audio=False), sequence=st.integers(0, 2**32 - 1))
def test_any_video_survives_writing_and_reading(copied: bytes, frames: list[Frame], sequence: int) -> None:
    assert read(read(copied)[0].data + part(frames, sequence))[1] == frames


@given(frames=runs(audio=True), sequence=st.integers(0, 2**32 - 1))
def test_any_sound_survives_writing_and_reading(sound: bytes, frames: list[Frame], sequence: int) -> None:
    assert read(read(sound)[0].data + part(frames, sequence))[1] == frames


@given(noise=st.binary(max_size=400), chunk=st.integers(1, 400))
def test_noise_is_refused_or_waited_for(noise: bytes, chunk: int) -> None:
    reader = Reader()
    try:
        found = [item for n in range(0, len(noise), chunk) for item in reader.feed(noise[n : n + chunk])]
    except Malformed:
        return
    assert found == []


@given(data=st.data())
@settings(max_examples=400, deadline=None)
@pytest.mark.parametrize("name", ["copied", "sound"])
def test_damage_is_refused_or_stays_within_the_bytes_that_came(
    name: str, request: pytest.FixtureRequest, data: st.DataObject
) -> None:
    damaged = bytearray(request.getfixturevalue(name)[:6000])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 1500))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(min_size=0, max_size=4))
    try:
        found = Reader().feed(bytes(damaged))
    except (Malformed, Unsupported):
        return
    frames = [item for item in found if isinstance(item, Frame)]
    assert all(frame.data for frame in frames)
    assert sum(len(frame.data) for frame in frames) <= len(damaged)


def fragment(flags: int, count: int, offset: int, *rows: int, media: bytes = b"abc", tfdt: bool = True, runs: int = 1) -> bytes:
    """A fragment with this trun, whose offset counts from the media; frames default to 512 ticks and one byte."""
    tfhd = pack(">I4sIIIII", 28, b"tfhd", 0x020038, 1, 512, 1, 0x01010000)
    when = pack(">I4sII", 16, b"tfdt", 0, 9000) if tfdt else b""
    size = 32 + len(tfhd + when) + runs * ((20 if flags & 0x1 else 16) + 4 * len(rows))
    where = pack(">i", size + 8 + offset) if flags & 0x1 else b""
    body = where + b"".join(pack(">I", row) for row in rows)
    trun = pack(">I4sII", 16 + len(body), b"trun", flags, count) + body
    traf = tfhd + when + trun * runs
    moof = pack(">I4sI4sII", 32 + len(traf), b"moof", 16, b"mfhd", 0, 1) + pack(">I4s", 8 + len(traf), b"traf") + traf
    assert len(moof) == size
    return moof + pack(">I4s", 8 + len(media), b"mdat") + media


def test_it_reads_a_fragment_that_leaves_all_to_its_defaults(copied: bytes) -> None:
    _, frames = read(read(copied)[0].data + fragment(0x1, 3, 0))
    assert frames == [Frame(9000 + 512 * n, 9000 + 512 * n, 512, False, bytes([97 + n])) for n in range(3)]


def test_it_reads_flags_that_hold_for_the_first_frame_only(copied: bytes) -> None:
    _, frames = read(read(copied)[0].data + fragment(0x5, 3, 0, 0x02000000))
    assert [frame.key for frame in frames] == [True, False, False]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(fragment(0x1, 4, 0), id="one more than there are bytes"),
        pytest.param(fragment(0x1, 2**32 - 1, 0), id="as many as can be said"),
        pytest.param(fragment(0x0, 1, 0), id="bytes of the header"),
        pytest.param(fragment(0x1, 1, -1), id="bytes before the media"),
        pytest.param(fragment(0x1, 1, 3), id="bytes after the media"),
        pytest.param(fragment(0x201, 1, 0, 0), id="an empty frame"),
        pytest.param(fragment(0x201, 1, 0, 2**32 - 1), id="an endless frame"),
        pytest.param(fragment(0x201, 2, 0, 1), id="a row is missing"),
        pytest.param(fragment(0x1, 4097, 0, media=b"a" * 5000), id="too many"),
        pytest.param(fragment(0x1, 1, 0, runs=2), id="the same byte twice"),
    ],
)
def test_it_refuses_frames_that_are_not_there(copied: bytes, made: bytes) -> None:
    with pytest.raises(Malformed, match=r"do not fit|does not list"):
        Reader().feed(read(copied)[0].data + made)


def test_it_refuses_a_fragment_without_a_time(copied: bytes) -> None:
    with pytest.raises(Malformed, match="when it begins"):
        Reader().feed(read(copied)[0].data + fragment(0x1, 1, 0, tfdt=False))


@pytest.mark.parametrize("size", [0, 1, 7, 32 * 1024 * 1024 + 1, 2**32 - 1])
def test_it_refuses_a_box_of_a_size_that_cannot_be(copied: bytes, size: int) -> None:
    with pytest.raises(Malformed, match=f"says that it is {size} bytes long"):
        Reader().feed(read(copied)[0].data + pack(">I4s", size, b"mdat"))


def test_it_refuses_media_without_a_header(copied: bytes) -> None:
    init, frames = read(copied)
    with pytest.raises(Malformed, match="no header"):
        Reader().feed(part(frames[:1], 0))
    with pytest.raises(Malformed, match="no header"):
        Reader().feed(init.data + part(frames[:1], 0) + pack(">I4s", 9, b"mdat") + b"x")


def test_it_refuses_two_tracks(publisher: Path) -> None:
    with pytest.raises(Malformed, match="2 trex boxes"):
        Reader().feed(ffmpeg(f"-i @0 -c copy {MUXER}", publisher))


@pytest.mark.parametrize(("track", "name"), [
    (f"{VIDEO} -c:v mpeg4", "mp4v"),
    (f"{VIDEO} -c:v libx265 -x265-params log-level=none -pix_fmt yuv420p", "hev1"),
    (f"{SOUND} -c:a libopus", "Opus"),
    (f"{SOUND} -c:a libmp3lame", "mp4a.6B"),
])  # fmt: skip
def test_it_names_a_codec_that_it_does_not_serve(track: str, name: str) -> None:
    with pytest.raises(Unsupported, match=name) as caught:
        Reader().feed(ffmpeg(f"{track} -t 0.3 {MUXER}"))
    assert caught.value.name == name


def test_ticks_are_milliseconds() -> None:
    assert ms(16768 * 16, 16000) == 16768
    assert ms(1024, 44100) == pytest.approx(23.22, abs=0.001)
